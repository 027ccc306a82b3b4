"""Which of a round's candidates are paid for."""

from collections.abc import Iterable
from itertools import islice
from typing import Self

from elad.records import Attempt, Record
from elad.select.selector import Selector


class Choice(Record):
    """The questions that are paid for: drawn for the audit, and chosen by the selector."""

    audited: tuple[str, ...]
    selected: tuple[str, ...]

    @classmethod
    def of(cls, selector: Selector, attempts: Iterable[Attempt], audited: int, batch: int, seed: str) -> Self:
        """The audit is the head of the draw, a uniform sample; the selector has the rest of it to choose from."""
        drawn = iter(attempts)
        audit = [attempt.question.id for attempt in islice(drawn, audited)]
        return cls(audited=tuple(audit), selected=tuple(selector.choose(drawn, batch - len(audit), seed)))
