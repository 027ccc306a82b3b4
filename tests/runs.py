"""Runs that take a second, for tests of what surrounds them."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from elad.errors import Interrupted
from elad.evaluate import Scores, evaluate
from elad.ledger import FILE
from elad.recipe import Recipe
from elad.records import Annotation, Attempt
from elad.student import Student
from elad.turn import Turn


def small_recipe(student: Path, **changes: Any) -> Recipe:
    """ELAD in three rounds of three questions."""
    content: dict[str, Any] = {
        "pool": {"kind": "arithmetic", "size": "small", "count": 40, "seed": 1},
        "held_out": {"kind": "arithmetic", "size": "small", "count": 4, "seed": 2},
        "student": {"model": str(student), "max_tokens": 6},
        "teacher": {"kind": "solver", "world": "arithmetic"},
        "budget": {"calls": 100},
        "rounds": {"candidates": 6, "batch": 3, "audit": 0.3},
        "select": {"kind": "egss", "samples": 1},
        "train": {"kind": "sft", "optimiser": {"epochs": 1, "batch": 8}, "rehearsal": {"items": 0}},
        "stop": [{"kind": "budget", "rounds": 3}],
    }
    return Recipe.model_validate({**content, **changes})


def turn_of(
    student: Student,
    attempts: Iterable[Attempt] = (),
    earlier: Sequence[Annotation] = (),
    held_out: frozenset[str] = frozenset(),
    folder: Path = Path("nowhere"),
) -> Turn:
    """A first round, for a part to work on."""
    return Turn(1, "s", student, attempts, earlier, held_out, folder)


def contents(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in a run's ledger, table by table, but for what its clock says, which differs from run to run."""
    db = sqlite3.connect(folder / FILE)
    try:
        tables = [
            row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'clock'")
        ]
        return {table: sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in tables}
    finally:
        db.close()


def interrupted_at(number: int) -> Callable[..., Scores]:
    """An evaluation that is interrupted when it is done for the nth time: that of the start is the first."""
    done = 0

    def evaluated(*args: Any) -> Scores:
        nonlocal done
        done += 1
        if done == number:
            raise Interrupted
        return evaluate(*args)

    return evaluated
