"""What every stop rule does: look at the rounds so far and say why they are enough, or not."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from elad.annotate import Bought
from elad.budget import Price, Usage
from elad.evaluate import Scores
from elad.records import Annotation, Part, Record


class Round(NamedTuple):
    """A round that is over: its number, what it bought and kept, and the scores before and after its training.

    `emptied`: it drew and asked all that was left in the pool. `spent`: no cap has room for another call after it.
    `paid`: what the run's calls had cost by the end of it, by class; what was asked ahead of a later round is left to
    that. `price`: what tokens cost, where that is known.
    """

    number: int
    bought: Bought
    kept: Sequence[Annotation]
    before: Scores
    after: Scores
    emptied: bool = False
    spent: bool = False
    paid: Usage = Usage()
    price: Price | None = None


class Sufficiency(Record):
    """The verdict after a round: why to stop, or None to go on."""

    reason: str | None


class Rule(Part):
    """Has the student had enough?"""

    reads_scores: ClassVar[bool] = True
    """Whether its word depends on what a round's training came to."""

    reads_verdicts: ClassVar[bool] = False
    """Whether it counts what the teacher accepts."""

    def out_of_reach(self, audited: int) -> str | None:
        """Why it could never stop a run that audits so many questions a round; None when it could."""
        return None

    @property
    def needs_price(self) -> bool:
        """Whether it reckons in money, so that what tokens cost must be known."""
        return False

    @abstractmethod
    def reason(self, rounds: Sequence[Round]) -> str | None:
        """Why it has, after these rounds (one or more, in order); None when it has not."""
