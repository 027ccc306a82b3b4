"""Drawing a training's texts in a mixture: some rows of each domain are set aside and looked at, the others drawn."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import count

from elad.fit.batches import Row, cut
from elad.fit.learner import Learner
from elad.fit.mixture import Interval, Mixture, Perplexities, Shares, normalised
from elad.fit.settings import Optimiser
from elad.fit.soft_labels import WhiteBox
from elad.progress import say
from elad.text import digest

_MOST = 500
"""Prompts of a domain that are set aside at most: DDK's number of texts."""

_LARGEST = 700.0
"""The largest loss whose exp is a number."""


class Mixer:
    """Rows by their domains. What is set aside is never drawn; a domain's only prompt can't be spared for that.

    A row is set aside by its prompt alone, so that other rounds and seeds do the same, and nothing is looked at that
    was learnt before. The `learner` is looked at, and the model whose soft labels it learns, where there is one.
    """

    def __init__(
        self,
        how: Mixture,
        rows: Sequence[Row],
        optimiser: Optimiser,
        rng: random.Random,
        learner: Learner,
        soft: WhiteBox | None,
    ) -> None:
        self._how = how
        self._rows = rows
        self._size = optimiser.texts
        self._rng = rng
        self._learner = learner
        self._model = Learner(soft.source, optimiser) if soft else None
        self._aside: dict[str, list[Row]] = {}
        self._drawn: dict[str, list[int]] = {}
        by_domain: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            by_domain[row.domain or ""].append(index)
        for name, members in sorted(by_domain.items()):
            aside = _aside([rows[index].prompt for index in members], how.set_aside)
            self._aside[name] = [rows[index] for index in members if str(rows[index].prompt) in aside]
            self._drawn[name] = [index for index in members if str(rows[index].prompt) not in aside]
        self._natural: Shares = normalised({name: len(members) for name, members in self._drawn.items()})
        self.total = optimiser.steps or math.ceil(sum(map(len, self._drawn.values())) * optimiser.epochs / self._size)
        if unknown := how.named - self._natural.keys():
            say(f"  train.mixture: no example is of the domain {', '.join(map(repr, sorted(unknown)))}")

    def steps(self, intervals: list[Interval]) -> Iterator[list[int]]:
        """The rows of one step after another, without an end. Intervals that begin join those that are there.

        Those that are there began before an interruption, and are drawn as they were.
        """
        lengths = [len(row.ids) for row in self._rows]
        pools = {name: self._endless(members) for name, members in self._drawn.items()}
        for number in count():
            if number == len(intervals):
                intervals.append(self.interval(number * self._how.every, intervals))
            shares = intervals[number].shares
            domains = self._rng.choices(list(shares), list(shares.values()), k=self._size * self._how.every)
            yield from cut([next(pools[name]) for name in domains], lengths, self._size, self._rng)

    def interval(self, step: int, before: Sequence[Interval]) -> Interval:
        """The interval that begins at a step, by what is found now."""
        found = Perplexities(student=self._perplexities(self._learner), model=self._theirs)
        shares = self._how.shares(self._natural, [*(interval.found for interval in before), found])
        return Interval(step=step, shares=dict(shares), found=found)

    def _perplexities(self, reader: Learner) -> dict[str, float]:
        return {name: math.exp(min(_LARGEST, reader.loss(rows))) for name, rows in self._aside.items() if rows}

    @cached_property
    def _theirs(self) -> dict[str, float]:
        """Those of the model, which does not change."""
        return self._perplexities(self._model) if self._model else {}

    def _endless(self, members: Sequence[int]) -> Iterator[int]:
        """A domain's rows in one order, then in another, and so on."""
        while True:
            yield from self._rng.sample(members, len(members))


def _aside(prompts: Sequence[Sequence[int]], share: float) -> set[str]:
    """Of a domain's prompts those that are set aside: each by a lot of its own, one at least, never all."""
    lots = sorted((int(digest(prompt), 16) / 16**16, prompt) for prompt in set(map(str, prompts)))
    drawn = [prompt for lot, prompt in lots if lot < share] or [prompt for _, prompt in lots[:1]]
    return set(drawn[: min(_MOST, len(lots) - 1)])
