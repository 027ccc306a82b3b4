"""Does the forecast of the next round hold, and what does stopping by it save? `make value` writes results/value.json.

- `simulated`: runs whose learning curve is known, of several families; none is drawn from the forecast's own prior.
  `coverage`: how often the 95% interval of the next round's gain holds the true one (to 0.1 points); `below`, how often
  the true one is above it; `bias` and `error` (root mean square) of what is expected, and the mean `width`, in points.
  `lucky`: every training has a luck of 1.5 points beside the draws. `same questions`: three of four held-out questions
  are easy or hard throughout, as they are when the same are asked each round. `sigmoid`: a student that takes off late.
- `stopping`: what a run is worth in the end (a point is worth so many rounds, a round costs one), less the best that
  somebody could have done who knew the curve: means over all families, in rounds. Runs end after MOST rounds at latest.
- `measured`: runs of a study that are on this machine (folders as arguments): gains that were expected, that a curve
  fitted to the whole run shows, and that were observed; and how often the interval holds the second, to 0.1 points.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elad.evaluate import Scores
from elad.ledger import Ledger
from elad.sufficiency import LearningCurve, Seen

RESULTS = Path(__file__).parent / "results" / "value.json"
Floats = NDArray[np.float64]

FAMILIES = ("exponential", "power", "logarithm", "hill", "flat", "lucky", "same questions", "sigmoid")
HELD_OUT = (200, 600, 2000)
ROUNDS = (1, 2, 3, 5, 8, 12)
RUNS, STOPPED = 25, 15
MOST = 25
WORTH = (0.5, 1.0, 2.0, 4.0)
"""Rounds that a point is worth."""

_NEAR = 0.001


def truth(family: str, rng: np.random.Generator) -> Callable[[Floats], Floats]:
    """A curve of wrong answers by round."""
    first = rng.uniform(0.2, 0.8)
    floor, span = first * rng.uniform(0, 0.8), float(np.exp(rng.uniform(np.log(0.7), np.log(12))))
    power, bend, centre, slope = rng.uniform(0.3, 3), rng.uniform(0.6, 2), rng.uniform(1, 5), rng.uniform(0.5, 2)
    kept: dict[str, Callable[[Floats], Floats]] = {
        "power": lambda x: (1 + x / (power * span)) ** -power,
        "logarithm": lambda x: 1 - np.log1p(x / span) / np.log1p(MOST / span),
        "hill": lambda x: 1 / (1 + (x / span) ** bend),
        "flat": lambda x: np.ones_like(x),
        "sigmoid": lambda x: (1 + np.exp(-centre / slope)) / (1 + np.exp((x - centre) / slope)),
    }
    kept |= {"exponential": lambda x: np.exp(-x / span)}
    shape = kept.get(family, kept["exponential"])
    return lambda x: floor + (first - floor) * shape(x)


def scored(family: str, wrong: Floats, total: int, rng: np.random.Generator) -> list[Seen]:
    """What is seen of such shares of wrong answers, a round apart."""
    right = 1 - wrong
    if family == "lucky":
        right = (right + rng.normal(0, 0.015, len(right))).clip(0, 1)
    draws = rng.random((len(right), total))
    if family == "same questions":
        draws[:, total // 4 :] = draws[0, total // 4 :]
    return [Seen(float(n), int(count), total) for n, count in enumerate((draws < right[:, None]).sum(1))]


def simulated(family: str) -> dict[str, Any]:
    """How forecasts of a family's curves hold."""
    rng, found, by_rounds = np.random.default_rng(FAMILIES.index(family)), [], defaultdict(list)
    for total, done, _ in product(HELD_OUT, ROUNDS, range(RUNS)):
        wrong = truth(family, rng)(np.arange(done + 2.0))
        gain = wrong[done] - wrong[done + 1]
        mean, low, high = LearningCurve(scored(family, wrong[:-1], total, rng)).gain(done, done + 1)
        found.append((low - _NEAR <= gain <= high + _NEAR, gain > high + _NEAR, mean - gain, high - low))
        by_rounds[done].append((found[-1][0], found[-1][2]))
    held, below, over, width = np.array(found, float).T
    return {
        "family": family, "forecasts": len(found), "coverage": _share(held), "below": _share(below),
        "bias": _points(over.mean()), "error": _points((over**2).mean() ** 0.5), "width": _points(width.mean()),
        "by_rounds": {n: {"coverage": _share(some[:, 0]), "bias": _points(some[:, 1].mean())}
                      for n, some in ((n, np.array(pairs, float)) for n, pairs in by_rounds.items())},
    }  # fmt: skip


def stopping() -> list[dict[str, Any]]:
    """What is lost by stopping by value, by a plateau of three rounds, and after a settled number of rounds."""
    rng, lost = np.random.default_rng(0), defaultdict(list)
    for family, _ in product(FAMILIES, range(STOPPED)):
        wrong = truth(family, rng)(np.arange(MOST + 1.0))
        seen = scored(family, wrong, 600, rng)
        gains: list[float] = []
        while len(gains) <= MOST - 3 and (not gains or gains[-1] >= 0.01 / max(WORTH)):
            done = 3 + len(gains)
            gains.append(LearningCurve(seen[: done + 1]).gain(done, done + 1).mean)
        flat = (n for n in range(3, MOST) if _plateau(seen[n - 3], seen[n]))
        others = {"plateau": next(flat, MOST), **{f"{n} rounds": n for n in (4, 8, 16)}}
        for worth in WORTH:
            value = next((3 + n for n, gain in enumerate(gains) if 100 * gain * worth < 1), MOST)
            nets = -100 * wrong * worth - np.arange(MOST + 1)
            for rule, stop in {"value": value, **others}.items():
                lost[worth, rule].append(float(nets.max() - nets[stop]))
    return [{"worth": worth, "rule": rule, "lost": round(fmean(some), 2)} for (worth, rule), some in lost.items()]


def measured(folders: list[Path]) -> list[dict[str, Any]]:
    """Forecasts in real runs, by how many rounds they saw."""
    found = defaultdict(list)
    for seen in filter(lambda seen: len(seen) > 8, map(_seen, folders)):
        whole = LearningCurve(seen)
        for done, (now, then) in enumerate(pairwise(seen[1:]), start=1):
            mean, low, high = LearningCurve(seen[: done + 1]).gain(now.spend, then.spend)
            shown = whole.gain(now.spend, then.spend).mean
            observed = then.right / then.total - now.right / now.total
            found[done].append((mean, shown, observed, low - _NEAR <= shown <= high + _NEAR))
    return [
        {"rounds": done, "runs": len(some), **dict(zip(("expected", "shown", "observed"), told, strict=True)),
         "coverage": _share(np.array(some)[:, 3])}
        for done, some in sorted(found.items()) for told in [[_points(x) for x in np.array(some)[:, :3].mean(0)]]
    ]  # fmt: skip


def _seen(folder: Path) -> list[Seen]:
    with Ledger(folder, read_only=True) as ledger:
        return list(_scores(ledger))


def _scores(ledger: Ledger) -> Iterator[Seen]:
    for number in range(ledger.last_round("evaluate") + 1):
        scores = ledger.traced(number, "evaluate", Scores)
        if scores is not None:
            overall = scores.answers.overall
            yield Seen(ledger.calls.spent(up_to=number).tokens, overall.right, overall.total)


def _plateau(then: Seen, now: Seen) -> bool:
    pooled = (then.right + now.right) / (then.total + now.total)
    return now.right - then.right < 1.96 * (pooled * (1 - pooled) * 2 * now.total) ** 0.5 or not pooled * (1 - pooled)


def _share(marks: Floats) -> float:
    return round(float(marks.mean()), 3)


def _points(share: float) -> float:
    return round(100 * float(share), 2)


def main(folders: list[Path]) -> None:
    """Measure and write the results file."""
    told = {
        "command": "make value", "held_out": HELD_OUT, "rounds": ROUNDS, "most": MOST,
        "simulated": [simulated(family) for family in FAMILIES],
        "stopping": stopping(),
        "measured": measured(folders),
    }  # fmt: skip
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])
