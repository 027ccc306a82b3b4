"""A turn of the loop, as the parts that work on it see it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from elad.records import Annotation, Attempt
from elad.student import Student

MENTOR = "mentor"


class Turn(NamedTuple):
    """A round whose questions are chosen.

    `attempts`: those of all its candidates, by the `student` as it begins the round; they can be gone over more than
    once. `earlier`: the annotations that earlier rounds kept. `held_out`: digests of the questions that must not be
    learnt from. `folder`: for what is needed to go on after an interruption; it need not be there yet, and is cleared
    away when the round is trained. `chosen`: ids of the questions that the round pays for, whatever is kept of them.
    Whatever is random follows from `seed`.
    """

    number: int
    seed: str
    student: Student
    attempts: Iterable[Attempt]
    earlier: Sequence[Annotation]
    held_out: frozenset[str]
    folder: Path
    chosen: frozenset[str] = frozenset()

    @property
    def mentor(self) -> Path:
        """Where the round's mentor lies, if there is one."""
        return self.folder / MENTOR
