"""A mentor: a model between teacher and student, which learns from the teacher's word and says more of the same.

Mentor-KD (arXiv 2410.09037): a mid-size model is fine-tuned on the one task from the teacher's rationales, writes more
of them, of which those with the right answer are kept, and gives the student soft labels (`train.soft_labels`).
Rates and counts are read in the released code. That right means "as the teacher says", for no answer of the
pool's is known here, that an epoch is chosen on examples set aside, and that nothing counts twice, is our own.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from elad.answers import same_answer
from elad.fit import EarlyStopping, Fitted, Optimiser
from elad.layout import Layout
from elad.records import Annotation, Attempt, Explanation, Record
from elad.student import Student, weights_digest
from elad.turn import Turn

KEY = "annotate.mentor"
"""By what a recipe calls it."""


class Mentored(Record):
    """What a mentor came to in a round: its training, and of the explanations that it wrote how many were of use.

    `right`: those whose answers are the targets'. `new`: those among them that nobody had written of their questions;
    these are learnt.
    """

    fitted: Fitted
    written: int
    right: int
    new: int

    @property
    def in_words(self) -> str:
        """`wrote 144 explanations, 121 of them right, 34 of these new`."""
        return f"wrote {self.written:,} explanations, {self.right:,} of them right, {self.new:,} of these new"


class Mentor(Record):
    """A model that is taught what was kept so far and what is new, anew each round; it writes more of what is new.

    `model`: a Hugging Face directory or hub id; it needs the student's tokenizer only where the student learns its
    distributions. It is asked as the student is, for so many `explanations` of a question, and drawn from at a
    `temperature`; with 0 it gives soft labels alone. `optimiser` moves all of its weights; a share of the examples is
    set aside for `early_stopping`. A training under way is kept every `keep_every` seconds. Rate, epochs, batch,
    explanations and temperature are those of the authors' scripts.
    """

    model: str
    explanations: int = Field(3, ge=0)
    temperature: float = Field(0.7, gt=0, allow_inf_nan=False)
    optimiser: Optimiser = Field(default_factory=lambda: Optimiser(learning_rate=3e-4, epochs=20, batch=8))
    early_stopping: EarlyStopping | None = Field(default_factory=lambda: EarlyStopping(patience=3))
    keep_every: float = Field(300.0, ge=0)

    @property
    def digest(self) -> str | None:
        """SHA-256 of the weights that it begins with; None where these lie in no folder."""
        return weights_digest(Path(self.model)) if Path(self.model).is_dir() else None

    def fits(self, student: Student) -> None:
        """Look whether it is there and can be trained so. Raises InputError."""
        from elad.fit.learner import prepare

        prepare(self._begun(student), self.optimiser, key=KEY)

    def can_label(self, student: Student) -> None:
        """Look whether the student can learn its distributions. Raises InputError."""
        from elad.fit.soft_labels import need_same_tokens

        need_same_tokens(self._begun(student), student, f"{KEY}.model: {self.model}")

    def seconds(self, student: Student, attempts: Sequence[Attempt], batch: int, rounds: range) -> float:
        """How long rounds of a batch take it if no training ends early: measured on a few attempts."""
        from elad.fit.fit import fit

        few, mentor, said = attempts[: self.optimiser.batch], self._begun(student), "a measurement"
        lessons = [mentor.example(each.question, each.explanation) for each in few]
        began = time.monotonic()
        fit(mentor, lessons, self.optimiser.once, said, key=KEY)
        taught = time.monotonic()
        mentor.sample([each.question for each in few], self.explanations, self.temperature, said, label=KEY)
        written = time.monotonic()
        texts = sum(self.optimiser.texts_read(batch * number) for number in rounds)
        return ((taught - began) * texts + (written - taught) * batch * len(rounds)) / len(few)

    def enriched(self, turn: Turn, annotations: Sequence[Annotation]) -> tuple[tuple[Annotation, ...], Mentored]:
        """A round's annotations with what it writes beside their targets; it is left at `turn.mentor`."""
        mentor, fitted = self._taught(turn, annotations)
        asked = [annotation.question for annotation in annotations]
        written = mentor.sample(asked, self.explanations, self.temperature, f"{turn.seed}/mentor", label=KEY)
        right = [_right(each, annotation) for each, annotation in zip(written, annotations, strict=True)]
        new = [_new(each, annotation, mentor.layout) for each, annotation in zip(right, annotations, strict=True)]
        counts = {"written": _count(written), "right": _count(right), "new": _count(new)}
        enriched = (a.model_copy(update={"also": (*a.also, *each)}) for a, each in zip(annotations, new, strict=True))
        return tuple(enriched), Mentored(fitted=fitted, **counts)

    def _begun(self, student: Student) -> Student:
        """It as it begins, asked as the student is and where the student computes."""
        device = student.model.device.type
        return Student.load(self.model, most=student.most, device=device, layout=student.layout, key=f"{KEY}.model")

    def _taught(self, turn: Turn, annotations: Sequence[Annotation]) -> tuple[Student, Fitted]:
        from elad.fit.fit import fit

        mentor = self._begun(turn.student)
        lessons = [
            mentor.example(each.question, said)
            for each in (*turn.earlier, *annotations)
            for said in (each.target, *each.more)
        ]
        fitted = fit(
            mentor, lessons, self.optimiser, f"{turn.seed}/mentor", early_stopping=self.early_stopping,
            folder=turn.folder / "mentor-training", keep_every=self.keep_every, key=KEY,
        )  # fmt: skip
        mentor.save(turn.mentor)
        return mentor, fitted


def _count(said: Sequence[Sequence[Explanation]]) -> int:
    return sum(map(len, said))


def _right(said: Sequence[Explanation], annotation: Annotation) -> list[Explanation]:
    """Those whose answers say the same as the target's."""
    return [each for each in said if same_answer(each.answer, annotation.target.answer, annotation.question)]


def _new(said: Sequence[Explanation], annotation: Annotation, layout: Layout) -> list[Explanation]:
    """Those that the student would read otherwise than what is learnt anyway, and than one another."""
    known = {layout.written(each) for each in annotation.learnt}
    texts = {layout.written(each): each for each in said}
    return [each for text, each in texts.items() if text not in known]
