"""What does a revision save? `make revision` writes benchmarks/results/revision.json.

The shipped student explains fresh questions of both worlds, and the exact teacher answers about the same attempts in
two ways: it revises them, and it writes afresh. Told are its tokens and how many explanations it accepted.
"""

import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from scores import WORLDS

from elad.annotate import Annotator, Rationale, Revise
from elad.budget import Caps
from elad.ledger import Ledger
from elad.progress import say, shown
from elad.records import Attempt, Needs
from elad.student import Student
from elad.teacher import Desk, Solver
from elad.worlds import World

RESULTS = Path(__file__).parent / "results" / "revision.json"


def spend(annotator: Annotator, world: World, attempts: list[Attempt]) -> dict[str, int]:
    """What a teacher's answers about the attempts come to."""
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder)) as ledger:
        desk = Desk(Solver.model_validate({"world": world.kind}), ledger, Caps(calls=len(attempts)))
        bought = annotator.annotate(desk, 1, attempts, frozenset())
        spent = ledger.calls.spent()
    accepted = sum(a.verdict.of == "steps" and a.verdict.first_flaw is None for a in bought.annotations)
    return {"input_tokens": spent.input_tokens, "output_tokens": spent.output_tokens, "accepted": accepted}


def main() -> None:
    """Measure and write the results file."""
    student = Student.load("tiny", most=112)
    told: dict[str, object] = {"command": "make revision"}
    with shown(Console(file=sys.stderr)):
        for name, world in WORLDS.items():
            attempts = student.attempt(list(world.questions()), Needs(), "revision")
            revise, rationale = (spend(part, world, attempts) for part in (Revise(), Rationale()))
            ratio = round(revise["output_tokens"] / rationale["output_tokens"], 3)
            told[name] = {"revise": revise, "rationale": rationale, "output_ratio": ratio}
            say(f"{name}: {told[name]}")
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
