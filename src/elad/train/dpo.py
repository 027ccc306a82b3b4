"""Preference training, DPO (Rafailov et al. 2023, arXiv 2305.18290), as knowledge detection has it (arXiv 2406.11275).

    train: {kind: dpo, beta: 0.3, optimiser: {learning_rate: 1.0e-6, steps: 300, batch: 32}}

A pair is an annotation's target and what the student said against it: what contradicts it (`annotate: contrast`), or
the student's explanation where the teacher found a flaw (`annotate: revise`; this use is our own). Beta, steps, batch
and rate are the paper's, of its smallest model.
"""

import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

from pydantic import Field

from elad.errors import InputError
from elad.fit import Fitted, Optimiser, Service
from elad.fit.tracking import need, told_to
from elad.progress import say
from elad.records import Annotation, Attempt
from elad.student import Lora, Student
from elad.student.lora import is_adapted, need_peft
from elad.train.trainer import Trainer
from elad.turn import Turn


class Dpo(Trainer):
    """Targets are made likelier than what was said against them; annotations without that are passed over.

    The student is held to what it is when the round begins, by `beta`: the smaller, the further it may go. `sft` adds
    so much of the target's own mean loss a token, without which both texts can become unlikely, so long as the other
    falls further (RPO, arXiv 2404.19733, has such a term; the paper has none). `optimiser` moves all weights; with
    `lora` low-rank updates beside them alone. An interruption costs the round's training, which begins again.
    `report_to`: who is told its figures.
    """

    kind: Literal["dpo"] = "dpo"
    beta: float = Field(0.3, gt=0, allow_inf_nan=False)
    sft: float = Field(0.0, ge=0, allow_inf_nan=False)
    optimiser: Optimiser = Field(default_factory=lambda: Optimiser(learning_rate=1e-6, steps=300, batch=32))
    lora: Lora | None = None
    report_to: Service = "none"

    def ready(self) -> None:
        """Whether the libraries are there that are needed."""
        if not (find_spec("trl") and find_spec("datasets")):
            raise InputError("train.kind 'dpo' needs trl: pip install 'elad-distill[dpo]'")
        need(self.report_to)
        if self.lora:
            need_peft()

    def fits(self, student: Student) -> None:
        """Whether the student can be trained so."""
        from elad.fit.learner import prepare

        if student.seq2seq:
            raise InputError("train.kind 'dpo': TRL trains no encoder-decoder so. Use `sft`, or another student.")
        if self.optimiser.packed:
            raise InputError("train.optimiser.packed: pairs can't be packed; leave it out")
        fresh = self.lora and not is_adapted(student.model)
        prepare(student, self.optimiser, self.lora)
        if fresh:
            student.model = student.model.unload()

    def seconds(self, student: Student, attempts: Sequence[Attempt], annotations: int) -> float:
        """Measured on steps of pairs of one text each; what comes before the first is counted once."""
        from elad.fit.preferences import Objective, Preference, prefer

        texts = [student.example(a.question, a.explanation) for a in attempts[: self.optimiser.texts]]
        pairs, lasted = [Preference(one, one) for one in texts], []
        for steps in (1, 4):
            how, began = self.optimiser.model_copy(update={"steps": steps}), time.monotonic()
            prefer(student, pairs, how, Objective(self.beta, self.sft), "a measurement", lora=self.lora)
            lasted.append(time.monotonic() - began)
        a_step = max(0.0, lasted[1] - lasted[0]) / 3
        return lasted[0] + a_step * self.optimiser.texts_read(annotations) / self.optimiser.texts

    def train(self, turn: Turn, new: Sequence[Annotation]) -> Fitted:
        """Train on the pairs of the round's annotations."""
        from elad.fit.preferences import Objective, Preference, prefer

        student = turn.student
        pairs = [
            Preference(student.example(a.question, said), student.example(a.question, a.rejected))
            for a in new
            if a.rejected is not None
            for said in a.learnt
        ]
        pairs = [pair for pair in pairs if pair.chosen != pair.rejected]
        if alone := len(new) - len({pair.chosen.prompt for pair in pairs}):
            say(f"  of {alone} of {len(new)} annotations nothing is known that is worse, and they are passed over")
        run = turn.folder.resolve().parent
        with told_to(self.report_to, run.name, f"{turn.number:02d}", run / "logs") as log:
            objective = Objective(self.beta, self.sft)
            return prefer(student, pairs, self.optimiser, objective, turn.seed, lora=self.lora, log=log)
