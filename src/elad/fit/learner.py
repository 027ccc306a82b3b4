"""One step of a training: the gradients of the weights that it moves."""

from collections.abc import Iterator, Sequence

import torch

from elad.errors import InputError
from elad.fit.batches import IGNORED, Row, batch, can_pack
from elad.fit.optimiser import freeze, precision
from elad.fit.settings import Optimiser
from elad.student import Lora, Student
from elad.student.memory import halved


class Learner:
    """Gradients of a student's trainable weights. In a `with` block it is in training mode."""

    def __init__(
        self, student: Student, optimiser: Optimiser, lora: Lora | None, frozen: Sequence[str], seed: int
    ) -> None:
        student.changing()
        torch.manual_seed(seed)
        if lora:
            student.adapt(lora)
        else:
            freeze(student.model, frozen)
        if optimiser.packed and not can_pack(student):
            raise InputError("train.optimiser.packed: this student can't tell texts in one row apart; leave it out")
        if optimiser.checkpointing and not student.model.supports_gradient_checkpointing:
            raise InputError("train.optimiser.checkpointing: this student does not know it; leave it out")
        self.model: torch.nn.Module = student.model
        self._student = student
        self._optimiser = optimiser
        self._at_once = optimiser.batch
        self._precision = precision(optimiser, student.model.device)

    def __enter__(self) -> None:
        self.model.train()
        if self._optimiser.checkpointing:
            self._student.model.activation_checkpointing_enable()

    def __exit__(self, *_: object) -> None:
        if self._optimiser.checkpointing:
            self._student.model.activation_checkpointing_disable()
        self.model.eval()

    def learn(self, rows: Sequence[Row]) -> float:
        """Add up a step's gradients, clipped; its mean loss a token. Where memory runs out, by half as many texts."""
        tokens = sum(len(row.learnt) for row in rows)
        try:
            total = 0.0
            for part in self._parts(rows):
                loss = self._sum(part) / tokens
                loss.backward()  # type: ignore[no-untyped-call]
                total += loss.item()
        except (RuntimeError, MemoryError) as error:
            self._at_once = halved(min(self._at_once, len(rows)), error)
            self.model.zero_grad()
            return self.learn(rows)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._optimiser.clip)
        return total

    def loss(self, rows: Sequence[Row]) -> float:
        """The mean loss a token of rows that are not learnt."""
        training = self.model.training
        self.model.eval()
        with torch.inference_mode():
            total = sum(self._sum(part).item() for part in self._parts(rows))
        self.model.train(training)
        return total / sum(len(row.learnt) for row in rows)

    def _parts(self, rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
        return (rows[start : start + self._at_once] for start in range(0, len(rows), self._at_once))

    def _sum(self, rows: Sequence[Row]) -> torch.Tensor:
        read = batch(self._student, rows, packed=self._optimiser.packed)
        with torch.autocast(read.labels.device.type, self._precision, enabled=self._precision != torch.float32):
            logits = self.model(**read.inputs).logits
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1).float(), read.labels.flatten(), ignore_index=IGNORED, reduction="sum"
        )
