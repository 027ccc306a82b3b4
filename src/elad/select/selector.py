"""What every selector does: rank attempts by a score and take the top."""

from abc import abstractmethod
from collections.abc import Sequence

from elad.records import Attempt, Needs, Part
from elad.text import digest


class Selector(Part):
    """Which questions are worth paying for: a pure function over the evidence that `needs` names."""

    @property
    def needs(self) -> Needs:
        """The evidence that it reads beyond what every attempt has."""
        return Needs()

    @abstractmethod
    def score(self, attempt: Attempt) -> float:
        """How much the attempt is worth paying for; the highest are chosen."""

    def choose(self, attempts: Sequence[Attempt], count: int, seed: str) -> list[str]:
        """The ids of the `count` attempts that score highest (all, if there are fewer); the seed breaks ties."""

        def rank(attempt: Attempt) -> tuple[float, str]:
            return -self.score(attempt), digest(f"{seed}/{attempt.question.id}")

        return [attempt.question.id for attempt in sorted(attempts, key=rank)[:count]]
