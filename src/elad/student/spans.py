"""Where in the student's tokens each step stands, and the answer: found by position, never by encoding text again."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from elad.layout import PLAIN, Layout
from elad.records import Explanation, SpanEvidence

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


def locate(
    tokens: Sequence[int],
    decode: Callable[[Sequence[int]], str],
    line_breaks: Callable[[int], int],
    layout: Layout = PLAIN,
) -> Spans:
    """Find the steps and the answer.

    A token that ends a line belongs to that line, also where it holds the beginning of the next; a line that stands
    within one token is that token.
    """
    text = decode(tokens)
    cuts = [i + 1 for i, token in enumerate(tokens) if line_breaks(token)]
    ends = {stop: len(decode(tokens[:stop])) for stop in cuts} | {len(tokens): len(text)}

    def reaching(character: int) -> int:
        """The end of the first line, in tokens, that holds so many characters."""
        return next((stop for stop, length in ends.items() if length >= character), len(tokens))

    spans: list[Span] = []
    begin = 0
    for line in text.split("\n"):
        start = reaching(begin) if begin else 0
        stop = reaching(min(begin + len(line) + 1, len(text)))
        start = min(start, stop - 1)
        if (behind := layout.behind_mark(line)) is not None:
            explanation = layout.read(text)
            found = _reading_on(tokens, start, stop, begin + behind, decode) if explanation.answer else None
            return Spans(explanation, spans, found)
        if line.strip():
            spans.append(Span(start, stop))
        begin += len(line) + 1
    return Spans(layout.read(text), spans, None)


def _reading_on(
    tokens: Sequence[int], start: int, stop: int, character: int, decode: Callable[[Sequence[int]], str]
) -> Span:
    """The tokens of a line from the first on that says more than so many characters of the text and white space."""
    more = (i for i in range(start, stop) if decode(tokens[: i + 1])[character:].strip())
    return Span(next(more, stop - 1), stop)
