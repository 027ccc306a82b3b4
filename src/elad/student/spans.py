"""Where in the student's tokens each step stands, and the answer: found by position, never by encoding text again."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from elad.records import Explanation, SpanEvidence
from elad.text import ANSWER, read

if TYPE_CHECKING:
    from elad.student.decode import Mark


class Span(NamedTuple):
    """Tokens start to stop (exclusive) of an explanation."""

    start: int
    stop: int

    def evidence(self, marks: Sequence["Mark"]) -> SpanEvidence:
        """What the probabilities of these tokens say."""
        marks = marks[self.start : self.stop]
        return SpanEvidence(
            entropy=sum(mark.entropy for mark in marks) / len(marks),
            peak=max(mark.entropy for mark in marks),
            margin=min(mark.margin for mark in marks),
            logprob=sum(mark.logprob for mark in marks),
            tokens=len(marks),
        )


class Spans(NamedTuple):
    """The spans of an explanation: its steps with their line breaks, and the answer behind its mark."""

    explanation: Explanation
    steps: list[Span]
    answer: Span | None


def locate(tokens: Sequence[int], decode: Callable[[Sequence[int]], str], line_breaks: Callable[[int], int]) -> Spans:
    """Find the steps and the answer. A token that ends a line belongs to that line."""
    steps: list[str] = []
    spans: list[Span] = []
    start = 0
    stops = [i + 1 for i, token in enumerate(tokens) if line_breaks(token)]
    for stop in [*stops, len(tokens)]:
        line = decode(tokens[start:stop]).strip()
        if line.startswith(ANSWER):
            answer = read(line).answer
            found = _behind_mark(tokens, start, stop, decode) if answer else None
            return Spans(Explanation(steps=tuple(steps), answer=answer), spans, found)
        if line:
            steps.append(line)
            spans.append(Span(start, stop))
        start = stop
    return Spans(Explanation(steps=tuple(steps), answer=None), spans, None)


def _behind_mark(tokens: Sequence[int], start: int, stop: int, decode: Callable[[Sequence[int]], str]) -> Span:
    """The tokens of an answer line that follow its mark."""
    mark = next((i for i in range(start + 1, stop) if decode(tokens[start:i]).strip().startswith(ANSWER)), start)
    return Span(mark, stop)
