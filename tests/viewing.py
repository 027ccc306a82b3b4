"""`elad view` and its kin as processes of their own, as people run them."""

import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


class Served:
    """A command that serves pages, at `address` once it has begun."""

    def __init__(self, verb: str, *arguments: object, port: int = 0) -> None:
        command = [sys.executable, "-m", "elad", verb, *map(str, arguments), "--port", str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout
        lines = iter(self.process.stdout.readline, "")
        self.address = next((line.split()[0] for line in lines if line.startswith("http://")), "")
        assert self.address, self.process.stderr and self.process.stderr.read()

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.split("/")[2].rpartition(":")[2])

    def end(self) -> tuple[int, str]:
        """Press Ctrl-C; its exit code, and what it said."""
        self.process.send_signal(signal.SIGINT)
        out, error = self.process.communicate(timeout=30)
        return self.process.returncode, out + error


def asked(url: str, body: dict[str, Any] | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of what a server answers; underscores in a header's name stand for hyphens."""
    request = urllib.request.Request(
        url,
        data=json.dumps(body).encode() if body is not None else None,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read().decode(errors="replace"), dict(reply.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def run_in_background(recipe: Path, folder: Path, *overrides: str) -> "subprocess.Popen[str]":
    """`elad run`, while the test goes on."""
    command = [sys.executable, "-m", "elad", "run", str(recipe), "--run", str(folder), *overrides]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
