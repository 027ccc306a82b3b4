"""Supervised fine-tuning on explanations, with rehearsal."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, SerializeAsAny, model_validator

from elad.errors import InputError, RunFolderError
from elad.fit import Ddk, EarlyStopping, Fitted, Mixture, Optimiser, Service, SoftLabels, Static
from elad.fit.tracking import need, told_to
from elad.foreign import foreign
from elad.records import Annotation, Attempt
from elad.student import Lora, Student
from elad.student.lora import is_adapted, need_peft
from elad.train.rehearsal import Rehearsal
from elad.train.trainer import Trainer
from elad.turn import MENTOR, Turn

if TYPE_CHECKING:
    from elad.fit.soft_labels import WhiteBox

MixturePart = Annotated[SerializeAsAny[Ddk | Static], Field(discriminator="kind"), foreign(Mixture)]


class Sft(Trainer):
    """Next-token loss on the explanation, given the question.

    `start`: train the `last` student further, or the `base` anew on all annotations so far. `optimiser` moves all
    weights but those that are `frozen`, patterns of their names such as `model.layers.0.*`; with `lora` low-rank
    updates beside them alone. `soft_labels`: another model's distributions are learnt too. `rehearsal` says what is
    mixed in beside the round's annotations, and `mixture` in what shares of their domains all of it is gone over, where
    not in turn. A training under way is kept every `keep_every` seconds, so that an
    interruption costs no more than these. `report_to`: who is told its figures while it goes on.
    """

    kind: Literal["sft"] = "sft"
    start: Literal["last", "base"] = "last"
    optimiser: Optimiser = Field(default_factory=Optimiser)
    lora: Lora | None = None
    frozen: tuple[str, ...] = ()
    early_stopping: EarlyStopping | None = None
    soft_labels: SoftLabels | None = None
    mixture: MixturePart | None = None
    rehearsal: Rehearsal = Field(default_factory=Rehearsal)
    keep_every: float = Field(300.0, ge=0)
    report_to: Service = "none"

    @model_validator(mode="after")
    def _frozen_is_for_whole_weights(self) -> Self:
        if self.lora and self.frozen:
            raise ValueError("frozen and lora: with low-rank updates all weights are frozen; leave one of them out")
        return self

    @model_validator(mode="after")
    def _there_is_a_model_to_compare_with(self) -> Self:
        if self.mixture and self.mixture.compares and self.soft_labels is None:
            raise ValueError(
                f"mixture: {self.mixture.kind!r} compares the student with a white-box model: name it as "
                "soft_labels.model, with soft: 0 where its distributions are not to be learnt"
            )
        return self

    @property
    def reads_mentor(self) -> bool:
        """Where its soft labels are the mentor's."""
        return self.soft_labels is not None and self.soft_labels.model == MENTOR

    def ready(self) -> None:
        """Whether what is rehearsed can be read, and the libraries are there that are needed."""
        self.rehearsal.ready()
        need(self.report_to)
        if self.lora:
            need_peft()

    def fits(self, student: Student) -> None:
        """Try out what is asked for on the student: low-rank updates, frozen weights, packing, soft labels."""
        from elad.fit.batches import can_pack
        from elad.fit.learner import prepare
        from elad.fit.soft_labels import white_box

        fresh = self.lora and not is_adapted(student.model)
        prepare(student, self.optimiser, self.lora, self.frozen)
        if fresh:
            student.model = student.model.unload()
        if self.soft_labels and not self.reads_mentor:
            box = white_box(student, self.soft_labels.model, self.soft_labels)
            if self.optimiser.packed and not can_pack(box.source):
                raise InputError(
                    "train.optimiser.packed: train.soft_labels.model can't tell texts in one row apart; leave it out"
                )

    def seconds(self, student: Student, attempts: Sequence[Attempt], annotations: int) -> float:
        """Measured on two batches; what is rehearsed is counted, and the soft labels of a model that is there."""
        from elad.fit.fit import fit
        from elad.fit.soft_labels import white_box

        some = [student.example(a.question, a.explanation) for a in attempts[: 2 * self.optimiser.batch]]
        soft = None
        if self.soft_labels and not self.reads_mentor:
            soft = white_box(student, self.soft_labels.model, self.soft_labels)
        began = time.monotonic()
        fit(student, some, self.optimiser.once, "a measurement", lora=self.lora, soft=soft)
        return (time.monotonic() - began) / len(some) * self.optimiser.texts_read(annotations + self.rehearsal.items)

    def train(self, turn: Turn, new: Sequence[Annotation]) -> Fitted:
        """Train on the round's annotations and what is rehearsed."""
        from elad.fit.fit import fit

        if not new:
            return Fitted()
        student = turn.student
        examples = [example for annotation in new for example in student.examples(annotation)]
        examples += self.rehearsal.examples(turn, new)
        if self.start == "base":
            student.restart()
        run = turn.folder.resolve().parent
        with told_to(self.report_to, run.name, f"{turn.number:02d}", run / "logs") as log:
            return fit(
                student, examples, self.optimiser, turn.seed,
                lora=self.lora, frozen=self.frozen, early_stopping=self.early_stopping, soft=self._soft(turn),
                mixture=self.mixture, folder=turn.folder, keep_every=self.keep_every, log=log,
            )  # fmt: skip

    def _soft(self, turn: Turn) -> "WhiteBox | None":
        from elad.fit.soft_labels import white_box

        if self.soft_labels is None:
            return None
        if not self.reads_mentor:
            return white_box(turn.student, self.soft_labels.model, self.soft_labels)
        if not turn.mentor.is_dir():
            raise RunFolderError(
                f"{turn.mentor} is gone: round {turn.number}'s mentor, of which the student was to learn. Put it "
                "back, or begin anew in another run folder: answers that were paid for are not bought again."
            )
        return white_box(turn.student, str(turn.mentor), self.soft_labels)
