"""Keepers that rank by how likely the student finds what was bought, with its question and without."""

import math
from abc import abstractmethod
from collections.abc import Sequence

from pydantic import Field

from elad.errors import InputError
from elad.keep.experience import Experience
from elad.keep.share import Opinion, Share
from elad.records import Annotation, Likelihood
from elad.student import Student
from elad.turn import Turn


class ByLikelihood(Share):
    """Reads every annotation's target with its question and without.

    `experience`: what a copy of the student is trained on before it reads them; None: the student reads them as it is.
    """

    experience: Experience | None = Field(default_factory=Experience)

    def ready(self) -> None:
        """Whether the libraries are there that the experience needs."""
        if self.experience:
            self.experience.ready()

    def fits(self, student: Student) -> None:
        """Try out whether the student can have the experience."""
        if self.experience:
            self.experience.fits(student)

    @abstractmethod
    def of(self, likelihood: Likelihood) -> Opinion:
        """What is thought of an annotation whose target is so likely; it has at least one token."""

    def judge(self, turn: Turn, annotations: Sequence[Annotation]) -> list[Opinion]:
        """What is thought of each. Raises InputError where the student's probabilities are no numbers."""
        if not annotations:
            return []
        student = self.experience.of(turn, annotations) if self.experience else turn.student
        found = student.likelihoods([(annotation.question, annotation.target) for annotation in annotations])
        for annotation, each in zip(annotations, found, strict=True):
            if not math.isfinite(each.asked + each.alone):
                about = annotation.question.id
                raise InputError(f"keep: the student's probabilities are no numbers (question {about!r})")
        unread = Opinion(None, "its question leaves no room for it in the student's context, or it is empty")
        return [self.of(each) if each.tokens else unread for each in found]
