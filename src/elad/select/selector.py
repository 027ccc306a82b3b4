"""What every selector does: rank attempts by a score and take the top."""

from abc import abstractmethod
from collections.abc import Iterable
from heapq import nsmallest
from typing import ClassVar

from elad.records import Attempt, Needs, Part
from elad.text import digest


class Selector(Part):
    """Which questions are worth paying for: a pure function over the evidence that `needs` names."""

    reads_evidence: ClassVar[bool] = True
    """Whether its choice depends on what the student wrote."""

    @property
    def needs(self) -> Needs:
        """The evidence that it reads beyond what every attempt has."""
        return Needs()

    @abstractmethod
    def score(self, attempt: Attempt) -> float:
        """How much the attempt is worth paying for; the highest are chosen."""

    def choose(self, attempts: Iterable[Attempt], count: int, seed: str) -> list[str]:
        """The ids of the `count` attempts that score highest (all, if there are fewer); the seed breaks ties."""
        ranked = ((-self.score(a), digest(f"{seed}/{a.question.id}"), a.question.id) for a in attempts)
        return [id for _, _, id in nsmallest(count, ranked)]
