"""What every trainer does: teach the student a round's lesson."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from elad.fit import Fitted
from elad.records import Annotation, Attempt, Part
from elad.student import Student


class Lesson(NamedTuple):
    """What a round has to teach: the annotations that it kept, those of earlier rounds, and all its attempts.

    The attempts can be gone over more than once.

    `held_out`: the digests of the questions that must not be learnt from. `number`: the round's.
    """

    new: Sequence[Annotation]
    earlier: Sequence[Annotation]
    attempts: Iterable[Attempt]
    held_out: frozenset[str] = frozenset()
    number: int = 1


class Trainer(Part):
    """How the student learns, and in what mixture."""

    def fits(self, student: Student) -> None:
        """Look, before anything is paid for, whether the student can be trained so. Raises InputError."""

    def seconds(self, student: Student, attempts: Sequence[Attempt], annotations: int) -> float:
        """How long a round of so many annotations trains, measured on some attempts; it changes the student."""
        return 0.0

    @abstractmethod
    def train(self, student: Student, lesson: Lesson, seed: str, folder: Path) -> Fitted:
        """Change the student in place. A lesson without annotations changes nothing.

        `folder`, in the run's, is for what is needed to go on after an interruption; it need not be there yet, and is
        cleared away when the round is trained.
        """
