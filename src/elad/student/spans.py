"""Where in the student's tokens each step stands, and the answer: found by position, never by encoding text again."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from elad.records import Explanation, SpanEvidence
from elad.student.decode import Writing
from elad.text import ANSWER


class Span(NamedTuple):
    """Tokens start to stop (exclusive) of a writing."""

    start: int
    stop: int

    def evidence(self, writing: Writing) -> SpanEvidence:
        """What the probabilities of these tokens say."""
        entropies = writing.entropies[self.start : self.stop]
        return SpanEvidence(
            entropy=sum(entropies) / len(entropies),
            peak=max(entropies),
            logprob=sum(writing.logprobs[self.start : self.stop]),
            tokens=len(entropies),
        )


class Spans(NamedTuple):
    """The spans of an explanation: its steps with their line breaks, and the answer behind its mark."""

    explanation: Explanation
    steps: list[Span]
    answer: Span | None


def locate(writing: Writing, decode: Callable[[Sequence[int]], str], line_breaks: Callable[[int], int]) -> Spans:
    """Find the steps and the answer. A token that ends a line belongs to that line."""
    steps: list[str] = []
    spans: list[Span] = []
    start = 0
    stops = [i + 1 for i, token in enumerate(writing.tokens) if line_breaks(token)]
    for stop in [*stops, len(writing.tokens)]:
        line = decode(writing.tokens[start:stop]).strip()
        if line.startswith(ANSWER):
            answer = line.removeprefix(ANSWER).strip()
            found = _behind_mark(writing.tokens, start, stop, decode) if answer else None
            return Spans(Explanation(steps=tuple(steps), answer=answer or None), spans, found)
        if line:
            steps.append(line)
            spans.append(Span(start, stop))
        start = stop
    return Spans(Explanation(steps=tuple(steps), answer=None), spans, None)


def _behind_mark(tokens: Sequence[int], start: int, stop: int, decode: Callable[[Sequence[int]], str]) -> Span:
    """The tokens of an answer line that follow its mark."""
    mark = next((i for i in range(start + 1, stop) if decode(tokens[start:i]).strip().startswith(ANSWER)), start)
    return Span(mark, stop)
