"""Runs the small recipe, or an exam, in child processes that kill themselves; speaks JSON lines with the test.

A process of its own, so that the heavy imports are paid for once and no thread is running when it forks.

    -> {"folder": "/tmp/x", "student": "/tmp/s", "kill_at": 7, "signal": "KILL", "changes": {},
        "exam": null}
    <- {"status": -9, "asked": ["5f0c..."]}
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import peft  # noqa: F401
import sklearn.linear_model  # noqa: F401
import torch
import transformers  # noqa: F401
from transformers import LlamaForCausalLM  # noqa: F401

import elad.fit.fit  # noqa: F401
from elad import loop
from elad.certify import Wanted, certify
from elad.errors import EladError, Interrupted
from elad.ledger import Ledger
from elad.progress import shown
from elad.teacher import Endpoint, Reply, Request, Solver
from elad.teacher.http import Heard
from tests.runs import small_recipe


def child(job: dict[str, Any], told: int) -> int:
    """Run the recipe, or examine what it came to, signalling ourselves at the n-th instant; tells each call it asks.

    Instants are before each commit, and before and after each request to a paid teacher.
    """
    torch.set_num_threads(1)
    loop._PIECE = 4  # so that a round's attempts are kept in two pieces
    instants = 0
    commit = Ledger.commit
    ask = Solver.ask
    send = Endpoint.send

    def pass_instant() -> None:
        nonlocal instants
        instants += 1
        if instants == job["kill_at"]:
            os.kill(os.getpid(), getattr(signal, f"SIG{job['signal']}"))

    def counted_commit(ledger: Ledger) -> None:
        pass_instant()
        commit(ledger)

    async def counted_send(endpoint: Endpoint, *what: Any, **how: Any) -> Heard:
        pass_instant()
        try:
            return await send(endpoint, *what, **how)
        finally:
            pass_instant()

    async def told_ask(solver: Solver, request: Request) -> Reply:
        os.write(told, (request.key(solver.identity()) + "\n").encode())
        return await ask(solver, request)

    Ledger.commit = counted_commit  # type: ignore[method-assign, assignment]
    Solver.ask = told_ask  # type: ignore[method-assign, assignment]
    Endpoint.send = counted_send  # type: ignore[method-assign, assignment]
    try:
        with shown(None):
            if job["exam"]:
                certify(Path(job["folder"]), Wanted(**job["exam"]))
            else:
                loop.distil(small_recipe(Path(job["student"]), **job["changes"]), Path(job["folder"]))
    except (EladError, Interrupted) as error:
        return error.exit_code
    return 0


def main() -> None:
    """Serve jobs until the input ends."""
    for line in sys.stdin:
        job = json.loads(line)
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            os._exit(child(job, writing))
        os.close(writing)
        with os.fdopen(reading) as pipe:
            asked = pipe.read().split()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps({"status": status, "asked": asked}), flush=True)


if __name__ == "__main__":
    main()
