"""The exam behind a certificate: what is settled before its first audit, what each look found, and what that bounds.

It lies in the ledger as the traces "terms", "exam", "look 1", "look 2", ... of the round behind the run's last, so that
no figure of a round is touched by it.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Literal

import numpy as np

from elad.ledger import Ledger
from elad.records import Record
from elad.sufficiency.certificate import LowerBound

What = Literal["agreement", "answers"]
"""Which share is bounded: of explanations that the teacher accepts whole, or of answers that it does not change."""

Targets = Mapping[What, float]
"""The shares that are to be certified."""

WHATS: tuple[What, ...] = ("agreement", "answers")


class Terms(Record):
    """What is settled before anything else: which student, at what confidence, and how many questions at most.

    `student`: SHA-256 of its weights. `pooled`: how many questions the run had never asked then.
    """

    student: str
    confidence: float
    size: int
    pooled: int


class Exam(Record):
    """The exam's pool: its questions in the order in which they are audited, and the chances that each share holds."""

    questions: tuple[str, ...]
    chances: dict[What, tuple[float, ...]]


class Audit(Record):
    """The teacher's word on one question; `why` it has none, which counts against the student."""

    question: str
    holds: dict[What, bool]
    why: str | None = None


class Bounds(Record):
    """How many audits held of how many, and what that certifies of the pool, each end with the error of the terms."""

    right: int
    total: int
    at_least: float
    at_most: float


class Look(Record):
    """Some more audits, in their order, and the bounds after them."""

    audits: tuple[Audit, ...]
    shares: dict[What, Bounds]


class Standing:
    """How an exam stands: its bounds from below, and from above those of what does not hold."""

    def __init__(self, exam: Exam, confidence: float, audits: Iterable[Audit] = ()) -> None:
        error = round(1 - confidence, 9)
        chances = {what: np.array(exam.chances[what]) for what in WHATS}
        self._low = {what: LowerBound(chances[what], error) for what in WHATS}
        self._high = {what: LowerBound(1 - chances[what], error) for what in WHATS}
        self._place = {question: place for place, question in enumerate(exam.questions)}
        self.add(audits)

    @property
    def audits(self) -> int:
        """How many there were."""
        return self._low["agreement"].audits

    @property
    def shares(self) -> dict[What, Bounds]:
        """The bounds so far."""
        return {
            what: Bounds(right=low.accepted, total=low.audits, at_least=low.bound, at_most=1 - self._high[what].bound)
            for what, low in self._low.items()
        }

    def add(self, audits: Iterable[Audit]) -> None:
        """The next audits, in the order in which their questions were drawn."""
        for audit in audits:
            for what in WHATS:
                self._low[what].add(self._place[audit.question], audit.holds[what])
                self._high[what].add(self._place[audit.question], not audit.holds[what])

    def needed(self, targets: Targets) -> dict[What, int | None]:
        """About how many more audits certify each target, if all hold: 0 once it is, None where it can't be expected.

        That is where not even all would do, or where the share is known to be smaller, with the error of the terms.
        """
        return {what: self._needed(what, target) for what, target in targets.items()}

    def _needed(self, what: What, target: float) -> int | None:
        if self._low[what].bound >= target:
            return 0
        if 1 - self._high[what].bound < target:
            return None
        more = self._low[what].needed(target)
        return None if more is None else max(1, more)


def looks(ledger: Ledger, number: int) -> Iterator[Look]:
    """The looks of an exam so far."""
    for place in count(1):
        look = ledger.traced(number, look_phase(place), Look)
        if look is None:
            return
        yield look


def look_phase(place: int) -> str:
    """The name under which a look lies, from 1."""
    return f"look {place}"
