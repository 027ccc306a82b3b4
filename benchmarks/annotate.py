"""What does it cost to buy annotations safely? `python benchmarks/annotate.py` writes benchmarks/results/annotate.json.

The same questions by four clients of the same endpoint on loopback, which answers after 50 ms: ELAD's own paid
teacher; a bare client that keeps nothing; distilabel; and Curator. 16 calls at a time. Told are times, processor time
and memory, in turns; and what is lost, and what is bought twice, when a client is killed after half of the answers and
started anew.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from annotating.environments import PEERS, python_of, versions
from annotating.exercise import write_exercise
from annotating.process import Taken, run, run_and_kill
from timing import spread

RESULTS = Path(__file__).parent / "results" / "annotate.json"
SCRIPTS = Path(__file__).parent / "annotating"
LATENCY = 0.05
LIMIT = 120.0
"""Seconds after which a client is given up."""

SCRIPT_OF = {
    "ours": ("ours.py",),
    "bare": ("bare.py",),
    "distilabel": ("by_distilabel.py", "16"),
    "distilabel, batches of 50": ("by_distilabel.py", "50"),
    "curator": ("by_curator.py",),
}
"""The clients: a script, and what it is told beyond where to ask what."""

QUIET = {
    "OPENAI_API_KEY": "sk-none",
    "OMP_NUM_THREADS": "1",
    "TELEMETRY_ENABLED": "false",  # Curator's
    "CURATOR_VIEWER": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISTILABEL_LOG_LEVEL": "WARNING",  # else it draws a line a call
}
"""No client asks anybody but the endpoint."""


class Server:
    """The endpoint, in a process of its own."""

    def __init__(self, port: int) -> None:
        self._at = f"http://127.0.0.1:{port}"
        self.url = f"{self._at}/v1"

    def order(self, what: str) -> None:
        """Have it do something."""
        urllib.request.urlopen(urllib.request.Request(f"{self._at}/{what}", method="POST")).close()

    def state(self) -> dict[str, Any]:
        """What it has seen."""
        with urllib.request.urlopen(f"{self._at}/state") as said:
            told: dict[str, Any] = json.load(said)
        return told


@contextmanager
def served(exercise: Path) -> Iterator[Server]:
    """An endpoint that knows the exercise."""
    command = [sys.executable, str(SCRIPTS / "server.py"), str(exercise), "--latency", str(LATENCY)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield Server(int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


class Client:
    """One of the four: how it is started, and what it leaves."""

    def __init__(self, python: str, script: str, told: tuple[str, ...], server: Server, exercise: Path) -> None:
        self._server = server
        self._exercise = exercise
        self._told = told
        self._start = [python, str(SCRIPTS / script), server.url, str(exercise)]

    def clean(self) -> dict[str, float]:
        """What a run takes from start to end, and from its first request to its last answer."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            self._server.order("reset")
            taken = self._run(folder)
            missing = self._missing(folder)
            asking = self._server.state()["seconds"]
            if taken is None or missing:
                raise RuntimeError(f"{missing} annotations are missing:\n{(folder / 'log').read_text()[-2000:]}")
        return {"seconds": taken.seconds, "asking": asking, "cpu": taken.cpu, "mib": taken.mib}

    def killed(self, after: int) -> dict[str, int]:
        """What is lost and what is bought twice when it is killed after so many answers and started again."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            self._server.order("reset")
            self._server.order(f"hold?after={after}")
            run_and_kill(*self._how(folder), lambda: bool(self._server.state()["held"]))
            before = self._server.state()["answered"]
            self._server.order("release")
            ended = self._run(folder)
            now = self._server.state()["answered"]
            return {
                "answered before": len(before),
                "lost": self._missing(folder),
                "doubled": sum(now[id] - 1 for id in before),
                "ended": int(ended is not None),
            }

    def _run(self, folder: Path) -> Taken | None:
        return run(*self._how(folder))

    def _how(self, folder: Path) -> tuple[list[str], Mapping[str, str], Path, float]:
        environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        environment |= {**QUIET, "HOME": str(folder)}  # caches of its own
        return [*self._start, str(folder), *self._told], environment, folder / "log", LIMIT

    def _missing(self, folder: Path) -> int:
        """How many questions have no annotation with the answer that the endpoint gave."""
        file = folder / "annotations.jsonl"
        lines = file.read_text().splitlines() if file.is_file() else []
        got = {row["id"]: row["answer"] for row in map(json.loads, lines)}
        asked = map(json.loads, self._exercise.read_text().splitlines())
        return sum(got.get(row["id"]) != row["answer"] for row in asked)


def table(told: Mapping[str, Any]) -> str:
    """The results, a client a line."""
    head = f"{'':26}{'seconds':>9}{'asking':>9}{'cpu s':>9}{'MiB':>9}{'lost':>9}{'doubled':>9}"
    lines = [
        f"{name:26}"
        + "".join(f"{told[what][name]['median']:9.1f}" for what in ("seconds", "seconds_asking", "cpu_seconds"))
        + f"{told['peak_mib'][name]['median']:9.0f}{told['lost'][name]:9}{told['doubled'][name]:9}"
        for name in told["seconds"]
    ]
    return "\n".join([head, *lines])


def main() -> None:
    """Measure in turns, kill, and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--environments", type=Path, default=Path("~/.cache/elad-benchmarks").expanduser())
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    pythons = {peer: python_of(peer, options.environments.resolve()) for peer in PEERS}
    with tempfile.TemporaryDirectory() as scratch:
        exercise = Path(scratch) / "exercise.jsonl"
        write_exercise(exercise, options.questions)
        with served(exercise) as server:
            clients = {
                name: Client(pythons.get(name.partition(",")[0], sys.executable), script, tuple(told), server, exercise)
                for name, (script, *told) in SCRIPT_OF.items()
            }
            turns: list[dict[str, dict[str, float]]] = []
            for _ in range(options.turns):
                turns.append({name: client.clean() for name, client in clients.items()})
                print(json.dumps(turns[-1]), flush=True)
            killed = {name: client.killed(options.questions // 2) for name, client in clients.items()}
            print(json.dumps(killed), flush=True)

    def each(what: str) -> dict[str, dict[str, float]]:
        return {name: spread([turn[name][what] for turn in turns]) for name in clients}

    def over(what: str, one: str, other: str) -> dict[str, float]:
        return spread([turn[one][what] / turn[other][what] for turn in turns])

    told: dict[str, Any] = {
        "command": "python benchmarks/annotate.py",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": {"ours": versions(sys.executable), **{peer: versions(python) for peer, python in pythons.items()}},
        "questions": options.questions,
        "latency_ms": 1000 * LATENCY,
        "over_bare_client": over("asking", "ours", "bare"),
        "over_bare_client_with_start": over("seconds", "ours", "bare"),
        "cpu_vs_distilabel": over("cpu", "distilabel", "ours"),
        "cpu_vs_distilabel_batches_of_50": over("cpu", "distilabel, batches of 50", "ours"),
        "cpu_vs_curator": over("cpu", "curator", "ours"),
        "peak_mib": each("mib"),
        "seconds": each("seconds"),
        "seconds_asking": each("asking"),
        "cpu_seconds": each("cpu"),
        "killed_after": options.questions // 2,
        "lost": {name: outcome["lost"] for name, outcome in killed.items()},
        "doubled": {name: outcome["doubled"] for name, outcome in killed.items()},
        "restart_ended": {name: bool(outcome["ended"]) for name, outcome in killed.items()},
    }
    options.results.write_text(json.dumps(told, indent=2) + "\n")
    print(table(told))


if __name__ == "__main__":
    main()
