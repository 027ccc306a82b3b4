"""Gathering evidence: all that is asked of a student's explanations, in one pass over their tokens."""

import gc
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from elad.errors import InputError
from elad.records import Attempt, Evidence, Explanation, Likelihood, Needs, Question
from elad.student.decode import Continuation
from elad.student.dice import rolls
from elad.student.likelihood import Reading
from elad.student.spans import Spans, locate

if TYPE_CHECKING:
    from elad.student.student import Student

_FULL = 128
"""Readings that are gathered before they are read; until then the keys and values that they share are held."""


def gather(
    student: "Student", questions: Sequence[Question], needs: Needs, seed: str, tick: Callable[[], None]
) -> list[Attempt]:
    """Explain each question greedily, and gather the evidence that is needed; `tick` is called as each is written.

    Each continuation has dice of its own, keyed by the seed, the question, and what it is for.
    """
    drafts = [_Draft(student, question, needs, seed) for question in questions]
    shelf: list[tuple[_Draft, list[Reading]]] = []
    with _without_collection():
        for continuation in student.write([c for draft in drafts for c in draft.begin()], needs.temperature):
            draft: _Draft = continuation.owner
            continuation.owner = continuation.joined = None  # a ring would stay in memory until somebody looks for it
            draft.open -= 1
            if continuation is draft.greedy:
                shelf.append((draft, draft.readings()))
                if sum(len(readings) for _, readings in shelf) >= _FULL:
                    _read(student, shelf)
            if not draft.open:
                tick()
        _read(student, shelf)
    return [draft.attempt() for draft in drafts]


def likelihoods(student: "Student", pairs: Sequence[tuple[Question, Explanation]]) -> list[Likelihood]:
    """How likely the student finds given explanations, with their questions and without: the same tokens both times.

    Those count that fit into its context behind the question; it may be that none does. The end mark does not count.
    """
    framed = [_framed(student, question, explanation) for question, explanation in pairs]
    scores = iter(student.loglikelihoods([reading for pair in framed for reading in pair if reading.target]))
    return [
        Likelihood(asked=next(scores), alone=next(scores), tokens=len(asked.target))
        if asked.target
        else Likelihood(asked=0.0, alone=0.0, tokens=0)
        for asked, _ in framed
    ]


def _framed(student: "Student", question: Question, explanation: Explanation) -> tuple[Reading, Reading]:
    """An explanation behind its question and alone, cut to what fits behind the question, with an end mark."""
    asked, alone = student.opening(student.prompts.of(question)), student.opening(student.prompts.alone)
    target = student.ids(student.layout.written(explanation))
    if student.context is not None:
        source, opening = asked
        room = student.context - len(opening) - 1 if len(source) <= student.context else 0
        target = target[: max(0, room)]
    return Reading(asked[1], target, asked[0]), Reading(alone[1], target, alone[0])


def _read(student: "Student", shelf: list[tuple["_Draft", list[Reading]]]) -> None:
    scores = iter(student.loglikelihoods([reading for _, readings in shelf for reading in readings]))
    for draft, readings in shelf:
        draft.scores = [next(scores) for _ in readings]
    shelf.clear()


@contextmanager
def _without_collection() -> Iterator[None]:
    """Leave garbage until later: so many objects are made that all would be looked through for it again and again."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


class _Draft:
    """What is being written about one question: its greedy explanation, samples, and rests from every step."""

    def __init__(self, student: "Student", question: Question, needs: Needs, seed: str) -> None:
        self._student, self._question, self._needs, self._seed = student, question, needs, seed
        self._source, prompt = student.opening(student.prompts.of(question))
        self.greedy = Continuation(
            prompt, student.room(prompt), self._source, owner=self,
            joined=self._step_begins if needs.rebuilds else None, share=needs.removed, embed=needs.embedding,
        )  # fmt: skip
        self.open = 0
        self.scores: list[float] = []
        self._answered = False
        self._said: dict[tuple[int, ...], str | None] = {}
        self._sampled = self._rolled(prompt, needs.samples, "sample")
        self._rebuilt = {0: self._rests()}

    def begin(self) -> list[Continuation]:
        """What can be written before anything is."""
        begun = [self.greedy, *self._sampled, *self._rebuilt[0]]
        self.open += len(begun)
        return begun

    def _step_begins(self, greedy: Continuation) -> Sequence[Continuation]:
        """The rests that are sampled from here, where a line has just ended that was not the answer's."""
        if self._answered or not self._student.line_breaks(greedy.tokens[-1]):
            return ()
        line = self._student.text_of(greedy.tokens[max(self._rebuilt) :])
        if self._student.layout.behind_mark(line) is not None:
            self._answered = True
            return ()
        rests = self._rebuilt[len(greedy.tokens)] = self._rests()
        self.open += len(rests)
        return rests

    def _rests_of(self, start: int) -> list[Continuation]:
        """Those of a step that begins at a token: from the last line end before it, or in it."""
        return self._rebuilt[max(place for place in self._rebuilt if place <= start)]

    def _rests(self) -> list[Continuation]:
        return self._rolled(self.greedy.text, self._needs.rebuilds, f"rebuild/{len(self.greedy.tokens)}")

    def _rolled(self, prompt: Sequence[int], count: int, purpose: str) -> list[Continuation]:
        """Samples whose dice fall as the seed, the question, the purpose, and a sample's and a token's number say."""
        most = self._student.room(prompt)
        dice = rolls(f"{self._seed}/{self._question.id}/{purpose}", count, most)
        return [Continuation(prompt, most, self._source, rolls=each.data, owner=self) for each in dice]

    @cached_property
    def spans(self) -> Spans:
        """Where the steps and the answer of the greedy explanation stand, once it has ended."""
        return locate(self.greedy.tokens, self._student.text_of, self._student.line_breaks, self._student.layout)

    def readings(self) -> list[Reading]:
        """The answer behind the explanation without each of its steps; the explanation without its question."""
        _, steps, answer = self.spans
        tokens, opening = self.greedy.tokens, list(self.greedy.prompt)
        cached, self.greedy.cached = self.greedy.cached, None
        readings = []
        if self._needs.removed and answer:
            for step in steps:
                context = opening + tokens[: step.start] + tokens[step.stop : answer.start]
                shared = min(len(opening) + step.start, len(context) - 1) if cached else 0
                readings.append(Reading(context, tokens[answer.start : answer.stop], self._source, cached, shared))
        if self._needs.likelihood and tokens:
            source, alone = self._student.opening(self._student.prompts.alone)
            readings.append(Reading(alone, tokens, source))
        return readings

    def attempt(self) -> Attempt:
        """The explanation and its evidence, once all is written and read."""
        found, marks = self.spans, self.greedy.marks
        if not math.isfinite(sum(mark.logprob + mark.entropy for mark in marks) + sum(self.scores)):
            raise InputError(
                f"the student's probabilities are no numbers (question {self._question.id!r}): "
                "its weights are damaged, or its precision is too low"
            )
        removed = self.scores[: len(found.steps)] if self._needs.removed and found.answer else []
        likelihood = Likelihood(
            asked=sum(mark.logprob for mark in marks), alone=sum(self.scores[len(removed) :]), tokens=len(marks)
        )
        states = self.greedy.states
        return Attempt(
            question=self._question,
            explanation=found.explanation,
            evidence=Evidence(
                steps=tuple(span.evidence(marks) for span in found.steps),
                answer=found.answer.evidence(marks) if found.answer else None,
                sampled=self._answers(self._sampled),
                removed=tuple(map(math.exp, removed)),
                rebuilt=tuple(self._answers(self._rests_of(span.start)) for span in found.steps)
                if self._needs.rebuilds
                else (),
                embedding=() if states is None else tuple((states / len(marks)).tolist()),
                likelihood=likelihood if self._needs.likelihood else None,
            ),
        )

    def _answers(self, written: Sequence[Continuation]) -> tuple[str | None, ...]:
        return tuple(self._answer(tuple(continuation.tokens)) for continuation in written)

    def _answer(self, tokens: tuple[int, ...]) -> str | None:
        if tokens not in self._said:  # most samples say what others have said
            self._said[tokens] = self._student.layout.read(self._student.text_of(tokens)).answer
        return self._said[tokens]
