"""What every annotator does: say what the student is to learn of the questions that were chosen."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from elad.annotate.mentor import Mentor, Mentored
from elad.records import Annotation, Attempt, Part, Record
from elad.student import Student
from elad.teacher import Answerer, Request
from elad.turn import Turn


class Bought(Record):
    """What a batch came to: annotations, questions set aside with the reason, and those left unasked.

    `mentored`: what the mentor added, where there is one.
    """

    annotations: tuple[Annotation, ...]
    unusable: dict[str, str]
    unasked: tuple[str, ...]
    mentored: Mentored | None = None


class Annotator(Part):
    """What the student learns from: what a teacher is paid for, and what models on this machine make of it.

    `mentor`: a model that is taught what was bought, and writes more.
    """

    mentor: Mentor | None = None

    asks: ClassVar[bool] = True
    """Whether it asks a teacher."""

    contrasts: ClassVar[bool] = False
    """Whether its annotations say what the student says against them."""

    reads_attempts: ClassVar[bool] = True
    """Whether what the teacher is asked depends on what the student wrote."""

    converses: ClassVar[bool] = False
    """Whether the teacher is asked step by step."""

    @property
    def prompt_digest(self) -> str:
        """SHA-256 of what the teacher is told to do; nothing where none is asked."""
        return ""

    def most_calls(self, steps: int) -> int:
        """How many calls an explanation of so many steps can take."""
        return 0

    def first_requests(self, attempt: Attempt, max_output_tokens: int) -> list[Request]:
        """The requests about an attempt that are made whatever comes of any."""
        return []

    def fits(self, student: Student) -> None:
        """Look, before anything is paid for, whether it can work beside the student. Raises InputError."""
        if self.mentor:
            self.mentor.fits(student)

    @abstractmethod
    def annotate(self, teacher: Answerer, round: int, attempts: Sequence[Attempt], audited: frozenset[str]) -> Bought:
        """What is paid for. Of the same answers always the same, so that what was said can be read again."""

    def enrich(self, turn: Turn, bought: Bought) -> Bought:
        """What was bought, with what models on this machine add to it at no price: the mentor, where there is one."""
        if self.mentor is None or not bought.annotations:
            return bought
        annotations, mentored = self.mentor.enriched(turn, bought.annotations)
        return bought.model_copy(update={"annotations": annotations, "mentored": mentored})
