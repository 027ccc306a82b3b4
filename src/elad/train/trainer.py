"""What every trainer does: teach the student what a round has brought."""

from abc import abstractmethod
from collections.abc import Sequence

from elad.fit import Fitted
from elad.records import Annotation, Attempt, Part
from elad.student import Student
from elad.turn import Turn


class Trainer(Part):
    """How the student learns, and in what mixture."""

    @property
    def reads_mentor(self) -> bool:
        """Whether it reads the mentor that the round's annotations leave."""
        return False

    def fits(self, student: Student) -> None:
        """Look, before anything is paid for, whether the student can be trained so. Raises InputError."""

    def seconds(self, student: Student, attempts: Sequence[Attempt], annotations: int) -> float:
        """How long a round of so many annotations trains, measured on some attempts; it changes the student."""
        return 0.0

    @abstractmethod
    def train(self, turn: Turn, new: Sequence[Annotation]) -> Fitted:
        """Change the turn's student in place. Where there are no new annotations, nothing is changed."""
