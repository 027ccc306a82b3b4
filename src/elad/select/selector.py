"""What every selector does: rank attempts by a score and take the top."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from heapq import nsmallest
from typing import ClassVar, NamedTuple, Self

from elad.errors import InputError
from elad.records import Attempt, Needs, Part, Verdict
from elad.text import digest


class Judged(NamedTuple):
    """An attempt, the teacher's verdict on it, and whether it was audited."""

    attempt: Attempt
    verdict: Verdict
    audit: bool

    @property
    def flawed(self) -> bool:
        """Whether the teacher found a flaw."""
        return self.verdict.first_flaw is not None


class Selector(Part):
    """Which questions are worth paying for: a pure function over the evidence that `needs` names."""

    reads_evidence: ClassVar[bool] = True
    """Whether its choice depends on what the student wrote."""

    @property
    def needs(self) -> Needs:
        """The evidence that it reads beyond what every attempt has."""
        return Needs()

    def informed(self, judged: Iterable[Judged]) -> Self:
        """The selector once the teacher has judged so much in earlier rounds: itself, unless it learns of verdicts."""
        return self

    @abstractmethod
    def score(self, attempt: Attempt) -> float | None:
        """How much the attempt is worth paying for; the highest are chosen. None where no one attempt tells that."""

    @property
    def scores(self) -> Mapping[str, Callable[[Attempt], float | None]]:
        """What a report holds against the teacher's verdicts, by the names that it prints."""
        return {self.kind: self.score}

    def rank(self, attempt: Attempt, seed: str) -> tuple[float, str, str]:
        """By what it is sorted, the best first: its score, then its lot; its id stands last.

        Raises InputError where it has no score.
        """
        id, score = attempt.question.id, self.score(attempt)
        if score is None:
            raise InputError(f"select: `{self.kind}` has no score of question {id!r} to rank it by")
        return -score, lot(seed, id), id

    def choose(self, attempts: Iterable[Attempt], count: int, seed: str) -> list[str]:
        """The ids of the `count` attempts that score highest (all, if there are fewer); the seed breaks ties."""
        return [id for *_, id in nsmallest(count, (self.rank(attempt, seed) for attempt in attempts))]


def lot(seed: str, id: str) -> str:
    """What decides between questions that are worth the same, in whatever order they come."""
    return digest(f"{seed}/{id}")
