"""A client in a process group of its own: what it takes, and what is left when it is killed."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread, Timer
from typing import NamedTuple

_EVERY = 0.1
"""Seconds between two looks at memory."""


class Taken(NamedTuple):
    """What a process and those that it started took: seconds by the clock, of the processor, and MiB at most."""

    seconds: float
    cpu: float
    mib: float


def run(command: Sequence[str], environment: Mapping[str, str], log: Path, limit: float) -> Taken | None:
    """Run a command to its end; None where it fails, or does not end within so many seconds."""
    peak, over = 0.0, Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(_EVERY):
            peak = max(peak, _memory(process.pid))

    began = time.perf_counter()
    process = _start(command, environment, log)
    watcher, timer = Thread(target=watch), Timer(limit, _kill, [process.pid])
    watcher.start()
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    timer.cancel()
    over.set()
    watcher.join()
    _kill(process.pid)  # whoever outlived it
    return Taken(seconds, usage.ru_utime + usage.ru_stime, peak) if process.returncode == 0 else None


def run_and_kill(
    command: Sequence[str], environment: Mapping[str, str], log: Path, limit: float, moment: Callable[[], bool]
) -> None:
    """Run a command and kill it, with all that it started, one second after a moment has come."""
    process = _start(command, environment, log)
    until = time.perf_counter() + limit
    while not moment():
        if process.poll() is not None or time.perf_counter() > until:
            _kill(process.pid)
            raise RuntimeError(f"{command} did not come so far that it could be killed: see {log}")
        time.sleep(_EVERY)
    time.sleep(1)
    _kill(process.pid)
    process.wait()


def _start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _memory(group: int) -> float:
    """MiB that a group's processes hold now; what several share is counted once (the proportional set size)."""
    kib = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if int((folder / "stat").read_text().rpartition(")")[2].split()[2]) == group:
                lines = (folder / "smaps_rollup").read_text().splitlines()
                kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024
