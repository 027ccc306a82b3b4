"""A brief experience before the scoring, as IFD has it (arXiv 2308.12032): one epoch on few examples from everywhere.

A student that has not seen the task yet is surprised by its form, with the question and without. So a copy of it is
trained a little first, scores, and is thrown away.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import Field, PositiveInt

from elad.errors import InputError
from elad.fit import Optimiser
from elad.keep.clusters import clustered
from elad.records import Annotation, Question, Record
from elad.student import Lora, Student
from elad.student.lora import need_peft
from elad.turn import Turn


class Brief(Optimiser):
    """An optimiser of one epoch, unless told otherwise."""

    epochs: float = Field(1.0, gt=0, allow_inf_nan=False)


class Experience(Record):
    """What the copy is trained on, and how.

    The questions are put into `clusters` by k-means, and `per_cluster` are taken of each, evenly spaced among those
    whose question is neither the likeliest nor the unlikeliest to the student (its perplexity lies between the 25th and
    the 75th percentile of the cluster); of a smaller cluster, all. Where there are few annotations there are so few
    clusters that on average this middle half has `per_cluster`. `optimiser` moves all weights, or with `lora` low-rank
    updates. The paper has 100 clusters of 10 each. A model with an encoder reads a question and does not say how likely
    it is: there all of a cluster are its middle.
    """

    clusters: PositiveInt = 100
    per_cluster: PositiveInt = 10
    optimiser: Brief = Field(default_factory=Brief)
    lora: Lora | None = None

    def ready(self) -> None:
        """Whether the libraries are there that it needs. Raises InputError."""
        if self.lora:
            need_peft()

    def fits(self, student: Student) -> None:
        """Try out whether a copy of the student can be trained so. Raises InputError."""
        from elad.fit.learner import prepare

        try:
            prepare(student.copy(), self.optimiser, self.lora, ())
        except InputError as error:
            raise InputError(f"keep.experience: {error}") from error

    def of(self, turn: Turn, annotations: Sequence[Annotation]) -> Student:
        """A copy of the turn's student that has had it. Raises InputError where it can't be trained so."""
        from elad.fit.fit import fit

        student = turn.student.copy()
        lessons = [annotations[row] for row in self.chosen(turn, [a.question for a in annotations])]
        examples = [student.example(lesson.question, lesson.target) for lesson in lessons]
        folder, seed = turn.folder / "experience", f"{turn.seed}/experience"
        try:
            fit(student, examples, self.optimiser, seed, lora=self.lora, folder=folder)
        except InputError as error:
            raise InputError(f"keep.experience: {error}") from error
        return student

    def chosen(self, turn: Turn, questions: Sequence[Question]) -> list[int]:
        """The places of the questions that the copy is trained on, cluster by cluster."""
        count = max(1, min(self.clusters, len(questions) // (2 * self.per_cluster)))
        losses = _losses(turn.student, questions)
        clusters = clustered(turn.student.embed(questions), count, turn.seed)
        return [row for rows in clusters for row in middle(rows, losses, self.per_cluster)]


def middle(rows: Sequence[int], losses: Sequence[float], count: int) -> Sequence[int]:
    """So many of the rows, evenly spaced among those whose loss is in the middle half; all where there are fewer.

    As the authors' code takes them: where the middle half has fewer than `count`, all of it.
    """
    if len(rows) < count:
        return rows
    low, high = np.percentile([losses[row] for row in rows], (25, 75))
    half = [row for row in rows if low <= losses[row] <= high]
    return half[:: max(1, len(half) // count)][:count]


def _losses(student: Student, questions: Sequence[Question]) -> list[float]:
    """The mean loss of a token of each prompt behind its first, in nats: the logarithm of its perplexity."""
    from elad.student.likelihood import Reading

    if student.seq2seq:
        return [0.0] * len(questions)
    prompts = [student.opening(student.prompts.of(question))[1] for question in questions]
    found = student.loglikelihoods([Reading(prompt[:1], prompt[1:]) for prompt in prompts])
    return [-logprob / max(1, len(prompt) - 1) for logprob, prompt in zip(found, prompts, strict=True)]
