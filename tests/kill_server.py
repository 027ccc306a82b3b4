"""Runs the small recipe in child processes that kill themselves; speaks JSON lines with the test.

A process of its own, so that the heavy imports are paid for once and no thread is running when it forks.

    -> {"folder": "/tmp/x", "student": "/tmp/s", "kill_at": 7, "signal": "KILL"}
    <- {"status": -9, "asked": ["5f0c..."]}
"""

import json
import os
import signal
import sys
from pathlib import Path

import peft  # noqa: F401
import torch
import transformers  # noqa: F401
from transformers import LlamaForCausalLM  # noqa: F401

import elad.fit.fit  # noqa: F401
from elad import loop
from elad.errors import EladError, Interrupted
from elad.ledger import Ledger
from elad.progress import shown
from elad.teacher import Reply, Request, Solver
from tests.runs import small_recipe


def child(job: dict[str, object], told: int) -> int:
    """Run the recipe, signalling ourselves right before the n-th commit; tells each call as it is asked."""
    torch.set_num_threads(1)
    loop._PIECE = 4  # so that a round's attempts are kept in two pieces
    writes = 0
    commit = Ledger.commit
    ask = Solver.ask

    def counted_commit(ledger: Ledger) -> None:
        nonlocal writes
        writes += 1
        if writes == job["kill_at"]:
            os.kill(os.getpid(), getattr(signal, f"SIG{job['signal']}"))
        commit(ledger)

    async def told_ask(solver: Solver, request: Request) -> Reply:
        os.write(told, (request.key(solver.identity()) + "\n").encode())
        return await ask(solver, request)

    Ledger.commit = counted_commit  # type: ignore[method-assign, assignment]
    Solver.ask = told_ask  # type: ignore[method-assign, assignment]
    try:
        with shown(None):
            loop.distil(small_recipe(Path(str(job["student"]))), Path(str(job["folder"])))
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
