"""What every keeper does: say which annotations are worth training on."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from elad.records import Annotation, Part, Record
from elad.student import Student
from elad.turn import Turn


class Kept(Record):
    """The ids of the questions whose annotations are trained on.

    `left_out`: why the others are not, by their ids. `scores`: what they were judged by, where that is a number.
    """

    ids: tuple[str, ...]
    left_out: dict[str, str] = Field(default_factory=dict)
    scores: dict[str, float] = Field(default_factory=dict)


class Keeper(Part):
    """Which of the paid answers are worth training on. What is left out stays in the ledger."""

    reads_contrasts: ClassVar[bool] = False
    """Whether it reads what the student says against an annotation."""

    def fits(self, student: Student) -> None:
        """Look, before anything is paid for, whether it can work with the student. Raises InputError."""

    @abstractmethod
    def keep(self, turn: Turn, annotations: Sequence[Annotation]) -> Kept:
        """The annotations to train on, in their order."""
