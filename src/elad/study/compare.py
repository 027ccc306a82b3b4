"""Comparing curves of accuracy against spend that are paired by their seeds.

Intervals are bootstrapped over the seeds (percentile, Efron 1979): pairs are drawn with replacement, so that what a
seed does to both arms cancels. Of few seeds such intervals are rather too narrow.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 10_000
"""Draws of a bootstrap."""

_SEED = 0


class Curve(NamedTuple):
    """How accuracy grew with spend: as many of one as of the other, from before the first round on, spend rising."""

    spend: tuple[float, ...]
    accuracy: tuple[float, ...]

    def at(self, spend: float) -> float:
        """The accuracy at a spend, on the line between the rounds around it; at either end that of the end."""
        return float(np.interp(spend, self.spend, self.accuracy))

    def reaches(self, accuracy: float) -> float:
        """The spend at which the best accuracy so far reaches this one, on the line between rounds; else infinite."""
        best = np.maximum.accumulate(self.accuracy)
        after = int(np.argmax(best >= accuracy))
        if best[after] < accuracy:
            return math.inf
        if after == 0:
            return self.spend[0]
        share = (accuracy - best[after - 1]) / (best[after] - best[after - 1])
        return float(self.spend[after - 1] + share * (self.spend[after] - self.spend[after - 1]))


class Estimate(NamedTuple):
    """A figure with its 95% interval over seeds, and how many seeds it is of."""

    value: float
    low: float
    high: float
    seeds: int


Pairs = Sequence[tuple[Curve, Curve]]
"""For each seed the curve of an arm, and that of the one it is held against."""


def gain(pairs: Sequence[tuple[float, float]]) -> Estimate:
    """By how much a figure of an arm is larger, seed by seed."""
    gains = np.array([figure - other for figure, other in pairs])
    return _bootstrapped(len(pairs), lambda drawn: gains[drawn].mean(axis=-1))


def gain_at(pairs: Pairs, spend: float) -> Estimate:
    """By how much an arm is more accurate at a spend."""
    return gain([(arm.at(spend), base.at(spend)) for arm, base in pairs])


def spend_ratio(pairs: Pairs, accuracy: float) -> Estimate:
    """What an arm spends to reach an accuracy, over what the other spends: a ratio of the means over seeds.

    Where the other never reaches it, all that it spent counts: its need is larger, so the ratio is too large and never
    too small. Where the arm never does, the ratio is infinite; where neither needs anything, it is not a number.
    """
    needs = np.array([arm.reaches(accuracy) for arm, _ in pairs])
    bases = np.array([min(base.reaches(accuracy), base.spend[-1]) for _, base in pairs])
    return _bootstrapped(len(pairs), lambda drawn: needs[drawn].mean(axis=-1) / bases[drawn].mean(axis=-1))


def _bootstrapped(seeds: int, statistic: Callable[[np.ndarray], np.ndarray]) -> Estimate:
    drawn = np.random.default_rng(_SEED).integers(seeds, size=(RESAMPLES, seeds))
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.sort(statistic(drawn))
        value = float(statistic(np.arange(seeds)))
    low, high = values[int(0.025 * RESAMPLES)], values[int(0.975 * RESAMPLES) - 1]
    return Estimate(value, float(low), float(high), seeds)
