"""Annotate by contrast: what the student says with a document at hand, against what it says without.

Knowledge detection (arXiv 2406.11275): nobody is asked. Of each question the student writes a reference with the
question's document before it, greedily, and draws explanations with the document and without. What the drawn ones
contradict tells whether the reference can be trusted and whether it was known (`keep: knowledge`); the one without that
contradicts it most is what to unlearn (`train: dpo`). Where there is no document, explanations are held against one
another. Counts, temperature and the pair are read in the paper and its code; that one whose answer is missing is set
aside, and that what is to be unlearnt is kept beside what is to be learnt, is our own.
"""

from collections.abc import Sequence
from statistics import fmean
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from elad.annotate.annotator import Annotator, Bought
from elad.annotate.contradiction import Mismatch, Nli, Pair
from elad.answers import same_answer
from elad.records import Annotation, Attempt, Contrast, Explanation, Question, Verdict
from elad.student import Student
from elad.teacher import Answerer
from elad.turn import Turn


class ByContrast(Annotator):
    """The student's own word with a document at hand, and what it says against that without.

    `samples` explanations are drawn on each side at a `temperature`. `prompt`: how a question is put with its
    `{document}`. `document`: whether questions have one; without, the drawn explanation that the others contradict
    least is learnt, against the one that they contradict most.
    """

    kind: Literal["contrast"] = "contrast"
    samples: int = Field(10, gt=1)
    temperature: float = Field(1.0, gt=0, allow_inf_nan=False)
    document: bool = True
    prompt: str = Field("{document}\n\n{question}", pattern=r"(?s)\{document\}.*\{question\}")
    contradiction: Annotated[Mismatch | Nli, Field(discriminator="kind")] = Mismatch()

    asks: ClassVar[bool] = False
    contrasts: ClassVar[bool] = True

    def shown(self, question: Question) -> str:
        """A question as it is put with its document."""
        before, _, behind = self.prompt.replace("{question}", question.text).partition("{document}")
        return f"{before}{question.document or ''}{behind}"

    def _read(self, question: Question) -> Question:
        """A question with its document at hand."""
        return question.model_copy(update={"text": self.shown(question)})

    def fits(self, student: Student) -> None:
        """Whether contradictions can be told."""
        super().fits(student)
        self.contradiction.fits()

    def annotate(self, teacher: Answerer, round: int, attempts: Sequence[Attempt], audited: frozenset[str]) -> Bought:
        """Nothing is paid for: every question that has what it takes, and as yet what the student said of it."""
        lacking = {a.question.id for a in attempts if self.document and not a.question.document}
        return Bought(
            annotations=tuple(
                Annotation(
                    question=attempt.question,
                    attempt=attempt.explanation,
                    verdict=Verdict(first_flaw=None, of="answer"),
                    target=attempt.explanation,
                    authors=("student",) * len(attempt.explanation.steps),
                    audit=attempt.question.id in audited,
                )
                for attempt in attempts
                if attempt.question.id not in lacking
            ),
            unusable={
                attempt.question.id: "it has no document" for attempt in attempts if attempt.question.id in lacking
            },
            unasked=(),
        )

    def enrich(self, turn: Turn, bought: Bought) -> Bought:
        """What the student is to learn of each question, and against what."""
        contrasted = self._with_documents if self.document else self._among_themselves
        found = contrasted(turn, [annotation.question for annotation in bought.annotations])
        learnt = [
            _learning(annotation, *each)
            for annotation, each in zip(bought.annotations, found, strict=True)
            if each is not None
        ]
        wordless = {
            annotation.question.id: self._why_not(turn.student, annotation.question)
            for annotation, each in zip(bought.annotations, found, strict=True)
            if each is None
        }
        told = {"annotations": tuple(learnt), "unusable": {**bought.unusable, **wordless}}
        return super().enrich(turn, bought.model_copy(update=told))

    def _why_not(self, student: Student, question: Question) -> str:
        """Why there is nothing to learn of a question."""
        if why := student.too_long(self._read(question) if self.document else question):
            return f"with its document {why}" if self.document else why
        return "the student came to no answer that could be learnt"

    def _with_documents(self, turn: Turn, questions: Sequence[Question]) -> "list[_Found | None]":
        student, label = turn.student, "contrast"
        read = [self._read(question) for question in questions]
        references = student.explain(read, label)
        beside = student.sample(read, self.samples, self.temperature, f"{turn.seed}/with", label)
        alone = student.sample(questions, self.samples, self.temperature, f"{turn.seed}/without", label)
        both = [[*own, *free] for own, free in zip(beside, alone, strict=True)]
        scores = self._against(student, questions, references, both)
        wavering = [found[: len(own)] for found, own in zip(scores, beside, strict=True)]
        unknown = [found[len(own) :] for found, own in zip(scores, beside, strict=True)]
        return [
            (reference, Contrast(rejected=_worst(said, scores), wavers=fmean(own), unknown=fmean(scores)))
            if reference.answer is not None and own and scores
            else None
            for reference, said, own, scores in zip(references, alone, wavering, unknown, strict=True)
        ]

    def _among_themselves(self, turn: Turn, questions: Sequence[Question]) -> "list[_Found | None]":
        drawn = turn.student.sample(questions, self.samples, self.temperature, f"{turn.seed}/without", "contrast")
        asked = [question for question, said in zip(questions, drawn, strict=True) for _ in said]
        others = [[other for other in said if other is not one] for said in drawn for one in said]
        scores = iter(self._against(turn.student, asked, [one for said in drawn for one in said], others))
        means = [[fmean(next(scores)) for _ in said] for said in drawn]
        return [_agreed(said, of_it) for said, of_it in zip(drawn, means, strict=True)]

    def _against(
        self,
        student: Student,
        questions: Sequence[Question],
        references: Sequence[Explanation],
        said: Sequence[Sequence[Explanation]],
    ) -> list[list[float]]:
        """How much each explanation contradicts the reference of its question."""
        pairs = [
            Pair(question, reference, each)
            for question, reference, some in zip(questions, references, said, strict=True)
            for each in some
        ]
        scores = iter(self.contradiction.scores(pairs, student.model.device.type))
        return [[next(scores) for _ in some] for some in said]


_Found = tuple[Explanation, Contrast]
"""What is to be learnt of a question, and what is said against it."""


def _worst(said: Sequence[Explanation], scores: Sequence[float]) -> Explanation:
    """The first of those that contradict most."""
    return said[max(range(len(said)), key=scores.__getitem__)]


def _agreed(said: Sequence[Explanation], scores: Sequence[float]) -> _Found | None:
    """Of what was drawn for one question: what the rest contradicts least, and most."""
    best = min(range(len(said)), key=scores.__getitem__, default=None)
    if best is None or said[best].answer is None:
        return None
    return said[best], Contrast(rejected=_worst(said, scores), wavers=scores[best], unknown=None)


def _learning(annotation: Annotation, target: Explanation, contrast: Contrast) -> Annotation:
    """An annotation whose target the student has found for itself."""
    right = same_answer(annotation.attempt.answer, target.answer, annotation.question)
    return annotation.model_copy(
        update={
            "verdict": Verdict.by_answer(annotation.attempt, right),
            "target": target,
            "authors": ("student",) * len(target.steps),
            "contrast": contrast,
        }
    )
