"""The nouns: frozen, plain, and able to go to JSON and back without loss.

They import nothing of ours. Every other room speaks in them.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

State = Literal["pooled", "selected", "asked", "annotated", "unusable", "held out"]
"""Where a question is. Every question is in exactly one state at any time, so the counts add up to the pool."""

Author = Literal["student", "teacher"]


AnswerKind = Literal["auto", "number", "choice", "yes_no", "span", "expression", "exact"]
"""What answers are, which decides when two of them say the same (`answers.py`)."""


class Record(BaseModel):
    """A frozen value. Unknown fields are errors, so that a spelling mistake never passes for a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(Record):
    """One answer to one verb of the loop, and its own configuration: its fields are its hyperparameters.

    A subclass narrows `kind` to a `Literal`, by which a recipe names it.
    """

    kind: str

    def ready(self) -> None:
        """Look, before anything is paid for, whether it can do its work. Raises InputError or TeacherError."""


class Question(Record):
    """A question of the pool or of the held-out file.

    `answer` and `steps` are what the data set says; they are hidden from everything but evaluation (and the
    teacher that replays a file, and the oracle of a study). `answers` is their kind. `domain` is any name by which
    scores are to be told apart: a tier, a topic. `document`: a text in which the answer can be looked up, which the
    student is not shown where it is asked.
    """

    id: str
    text: str
    choices: tuple[str, ...] = ()
    answer: str | None = None
    answers: AnswerKind = "auto"
    steps: tuple[str, ...] = ()
    domain: str | None = None
    document: str | None = None
    meta: Mapping[str, Any] = Field(default_factory=dict)


class Explanation(Record):
    """A chain of reasoning: its steps in order, and the answer that it ends in (None when it ends in none)."""

    steps: tuple[str, ...]
    answer: str | None


class SpanEvidence(Record):
    """What the student's own probabilities say of a stretch of its text (one step, or its answer).

    `entropy` and `peak`: mean and maximum predictive entropy of its tokens, in nats. `margin`: the smallest lead, in
    probability, that one of its tokens had over the next likeliest. `logprob`: the sum of its tokens'
    log-probabilities, in nats. `tokens`: how many there are.
    """

    entropy: float
    peak: float
    margin: float
    logprob: float
    tokens: int


class Likelihood(Record):
    """How likely a text of some tokens is: the sum of their log-probabilities (nats) behind its question, and alone."""

    asked: float
    alone: float
    tokens: int


class Evidence(Record):
    """Where a student's doubt lies in one explanation of m steps.

    `steps` (m) and `answer` (None when it wrote none) come with every attempt. The rest is there only when a part
    asked for it: `sampled` holds the answers of the n explanations that were sampled beside the greedy one (None for
    one without an answer); `removed` (m) the probability of the original answer when step i is taken out and the
    answer is forced; `rebuilt` (m x k) the answers of k continuations sampled from the steps before step i;
    `embedding` (the model's width) the mean over the explanation's tokens of the last hidden state that each was
    predicted from; `likelihood` how likely the explanation is with its question and without it.
    """

    steps: tuple[SpanEvidence, ...]
    answer: SpanEvidence | None = None
    sampled: tuple[str | None, ...] = ()
    removed: tuple[float, ...] = ()
    rebuilt: tuple[tuple[str | None, ...], ...] = ()
    embedding: tuple[float, ...] = ()
    likelihood: Likelihood | None = None


class Needs(Record):
    """The evidence that a part reads beyond what every attempt has."""

    samples: int = 0
    temperature: float = 0.7
    removed: bool = False
    rebuilds: int = 0
    embedding: bool = False
    likelihood: bool = False


class Attempt(Record):
    """A student's explanation of a question, with the evidence that was asked for."""

    question: Question
    explanation: Explanation
    evidence: Evidence


class Verdict(Record):
    """A judgement of an explanation of m steps.

    `first_flaw` is the index (from 0) of the first flawed step; m when every step holds but the explanation stops
    short or its answer does not follow; None when there is no flaw. `why` says what is wrong there. `of` says what was
    judged: the steps, or no more than the answer.
    """

    first_flaw: int | None
    why: str = ""
    of: Literal["steps", "answer"] = "steps"

    @classmethod
    def by_answer(cls, said: "Explanation", right: bool) -> Self:
        """Of an explanation of which no more is known than whether its answer is right."""
        flaw, why = (None, "") if right else (len(said.steps), "another answer")
        return cls(first_flaw=flaw, why=why, of="answer")


class Contrast(Record):
    """What a student says against an explanation of its own, and how firmly (arXiv 2406.11275).

    `rejected`: what it says that contradicts it most. Means of how much it is contradicted, from 0 to 1: `wavers`, by
    explanations that were drawn as it was; `unknown`, where it was written with a document at hand, by those that were
    drawn without.
    """

    rejected: Explanation
    wavers: float
    unknown: float | None


class Annotation(Record):
    """What training reads: a question, the explanation to learn, and where each of its steps came from.

    `verdict` is the teacher's word on the student's attempt. `audit` marks a question that was drawn uniformly,
    whatever the selector wanted. `calls` are the keys of the calls that paid for it. Learnt beside the target are
    `more`, explanations that the teacher was paid for too, and `also`, which nobody was paid for. `contrast`: what the
    student says against the target, where it wrote that itself.
    """

    question: Question
    attempt: Explanation
    verdict: Verdict
    target: Explanation
    authors: tuple[Author, ...]
    audit: bool = False
    calls: tuple[str, ...] = ()
    more: tuple[Explanation, ...] = ()
    also: tuple[Explanation, ...] = ()
    contrast: Contrast | None = None

    @property
    def learnt(self) -> tuple[Explanation, ...]:
        """All that is to be learnt of it."""
        return (self.target, *self.more, *self.also)

    @property
    def rejected(self) -> Explanation | None:
        """What is to be liked less than the target: what contradicts it, or what the student wrote with a flaw."""
        if self.contrast:
            return self.contrast.rejected
        return None if self.verdict.first_flaw is None else self.attempt
