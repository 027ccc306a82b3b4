"""Select batches that do not repeat themselves: k-centre among the attempts that another selector scores highest.

    select: {kind: diverse, of: {kind: step_entropy}, among: 3, cover: 0.5}

Taking more of the top than is paid for and choosing among that by distance is after Zhdanov 2019 (arXiv 1901.05954),
who clusters it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest
from typing import Annotated, Literal, Self

from pydantic import Field, SerializeAsAny

from elad.foreign import foreign
from elad.records import Attempt, Needs
from elad.select.badge import Badge
from elad.select.egss import Egss
from elad.select.embeddings import embedding, stacked
from elad.select.entropy import Entropy
from elad.select.k_centre import farthest_first
from elad.select.learned import Learned
from elad.select.least_confidence import LeastConfidence
from elad.select.longest import Longest
from elad.select.margin import Margin
from elad.select.oracle import Oracle
from elad.select.random import Random
from elad.select.selector import Judged, Selector
from elad.select.self_consistency import SelfConsistency
from elad.select.step_entropy import StepEntropy

Scorer = (
    Random
    | Entropy
    | Margin
    | LeastConfidence
    | StepEntropy
    | SelfConsistency
    | Egss
    | Learned
    | Badge
    | Longest
    | Oracle
)
"""The selectors that score every attempt on its own."""


class Diverse(Selector):
    """The batch is chosen by distance among the attempts that `of` scores highest.

    It begins with the highest; each other is the farthest from those before it, by Euclidean distance of embeddings.
    `among` (times the batch; 2) is how many are looked at: 1 takes the highest as they are. `cover` (0 to 1; 0) is the
    share of the batch that is spread over the domains as the round's candidates are: 0 goes wherever the scores are
    high, 1 gives each domain its part. Both defaults are ours.
    """

    kind: Literal["diverse"] = "diverse"
    of: Annotated[SerializeAsAny[Scorer], Field(discriminator="kind"), foreign(Selector)] = Field(default_factory=Egss)
    among: int = Field(2, ge=1)
    cover: float = Field(0.0, ge=0, le=1)

    @property
    def needs(self) -> Needs:
        """What `of` reads, and embeddings."""
        return self.of.needs.model_copy(update={"embedding": True})

    def ready(self) -> None:
        """Whether `of` can do its work."""
        self.of.ready()

    def informed(self, judged: Iterable[Judged]) -> Self:
        """With `of` informed."""
        return self.model_copy(update={"of": self.of.informed(judged)})

    def score(self, attempt: Attempt) -> float | None:
        """That of `of`."""
        return self.of.score(attempt)

    def choose(self, attempts: Iterable[Attempt], count: int, seed: str) -> list[str]:
        """The ids of `count` attempts (all, if there are fewer) that score high and lie apart."""
        found = ((self.of.rank(a, seed), a.question.domain or "", embedding(a)) for a in attempts)
        ranked = sorted(found) if self.cover else nsmallest(self.among * count, found)
        points = stacked([point for *_, point in ranked])
        chosen: list[int] = []
        for rows, places in self._shares([domain for _, domain, _ in ranked], count):
            taken = set(chosen)
            free = [row for row in rows if row not in taken][: self.among * places]
            chosen += [free[place] for place in farthest_first(points[free], places, points[chosen])]
        return [ranked[row][0][-1] for row in chosen]

    def _shares(self, domains: Sequence[str], count: int) -> Iterator[tuple[Sequence[int], int]]:
        """Rows and how many of them are chosen: of each domain, then of all; `domains` are those of the rows."""
        count = min(count, len(domains))
        covered = round(self.cover * count)
        members: defaultdict[str, list[int]] = defaultdict(list)
        for row, domain in enumerate(domains):
            members[domain].append(row)
        yield from zip(members.values(), shared_out(covered, list(map(len, members.values()))), strict=True)
        yield range(len(domains)), count - covered


def shared_out(places: int, sizes: Sequence[int]) -> list[int]:
    """Places in proportion to sizes, in whole numbers: the largest remainders are rounded up, earlier ones first."""
    shares = [divmod(places * size, sum(sizes)) for size in sizes]
    left = places - sum(whole for whole, _ in shares)
    up = sorted(range(len(sizes)), key=lambda i: -shares[i][1])[:left]
    return [whole + (i in up) for i, (whole, _) in enumerate(shares)]
