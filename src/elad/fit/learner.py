"""One step of a training: the gradients of the weights that it moves."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from elad.errors import InputError
from elad.fit.batches import IGNORED, Row, batch, can_pack
from elad.fit.optimiser import freeze, precision
from elad.fit.settings import Optimiser
from elad.fit.soft_labels import WhiteBox
from elad.student import Lora, Student
from elad.student.memory import halved


def prepare(
    student: Student, optimiser: Optimiser, lora: Lora | None = None, frozen: Sequence[str] = (), key: str = "train"
) -> None:
    """Have the right weights move, and no others; `key`: by which a recipe names the training.

    Raises InputError where the student can't be trained so.
    """
    if lora:
        student.adapt(lora, key)
    else:
        freeze(student.model, frozen)
    if optimiser.packed and not can_pack(student):
        raise InputError(f"{key}.optimiser.packed: this model can't tell texts in one row apart; leave it out")
    if optimiser.checkpointing and not student.model.supports_gradient_checkpointing:
        raise InputError(f"{key}.optimiser.checkpointing: this model does not know it; leave it out")


class Learner:
    """Gradients of a student's trainable weights. In a `with` block it is in training mode."""

    def __init__(self, student: Student, optimiser: Optimiser, soft: WhiteBox | None = None) -> None:
        self.model: Any = student.model
        self._student = student
        self._soft = soft
        self._optimiser = optimiser
        self._at_once = optimiser.batch
        self._precision = precision(optimiser, student.model.device)

    def __enter__(self) -> None:
        self.model.train()
        if self._optimiser.checkpointing:
            self.model.activation_checkpointing_enable()

    def __exit__(self, *_: object) -> None:
        if self._optimiser.checkpointing:
            self.model.activation_checkpointing_disable()
        self.model.eval()

    def learn(self, rows: Sequence[Row]) -> float:
        """Add up a step's gradients, clipped; its mean loss a token."""
        tokens = sum(len(row.learnt) for row in rows)

        def descend(part: Sequence[Row]) -> float:
            loss = self._sum(part, self._soft) / tokens
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.item()

        total = sum(self._in_parts(rows, descend))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._optimiser.clip)
        return total

    def loss(self, rows: Sequence[Row]) -> float:
        """The mean cross-entropy a token of rows that are not learnt, in nats."""
        training = self.model.training
        self.model.eval()
        with torch.inference_mode():
            total = sum(self._in_parts(rows, lambda part: self._sum(part).item()))
        self.model.train(training)
        return total / sum(len(row.learnt) for row in rows)

    def _in_parts(self, rows: Sequence[Row], work: Callable[[Sequence[Row]], float]) -> list[float]:
        """Work on as many rows at a time as fit; where memory runs out, all over again on half as many."""
        while True:
            try:
                return [work(rows[start : start + self._at_once]) for start in range(0, len(rows), self._at_once)]
            except (RuntimeError, MemoryError) as error:
                self._at_once = halved(min(self._at_once, len(rows)), error)
            self.model.zero_grad()  # out here nothing holds on to what was computed before

    def _sum(self, rows: Sequence[Row], soft: WhiteBox | None = None) -> torch.Tensor:
        read = batch(self._student, rows, packed=self._optimiser.packed)
        with torch.autocast(read.labels.device.type, self._precision, enabled=self._precision != torch.float32):
            logits = self.model(**read.inputs).logits
            divergence = soft.divergence(read, logits) if soft and soft.how.soft else 0.0
        hard = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), read.labels.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        return soft.how.hard * hard + soft.how.soft * divergence if soft else hard
