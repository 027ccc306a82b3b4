"""Supervised fine-tuning on explanations, with rehearsal."""

from typing import Literal

from pydantic import Field

from elad.student import Fitted, Lora, Optimiser, Student, fit
from elad.student.fit import need_peft
from elad.train.rehearsal import Rehearsal
from elad.train.trainer import Lesson, Trainer


class Sft(Trainer):
    """Next-token loss on the explanation, given the question.

    `optimiser` moves all weights, or with `lora` low-rank updates that are merged into them afterwards. `rehearsal`
    says what is mixed in beside the round's annotations.
    """

    kind: Literal["sft"] = "sft"
    optimiser: Optimiser = Field(default_factory=Optimiser)
    lora: Lora | None = None
    rehearsal: Rehearsal = Field(default_factory=Rehearsal)

    def ready(self) -> None:
        """Whether what is rehearsed can be read, and peft is there for low-rank updates."""
        self.rehearsal.ready()
        if self.lora:
            need_peft()

    def train(self, student: Student, lesson: Lesson, seed: str) -> Fitted:
        """Train on the round's annotations and what is rehearsed."""
        new = [student.example(annotation.question, annotation.target) for annotation in lesson.new]
        if not new:
            return Fitted()
        return fit(student, new + self.rehearsal.examples(student, lesson), self.optimiser, seed, self.lora)
