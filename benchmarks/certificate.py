"""Does the certificate hold, and what does it save? `make certificate` writes studies/results/certificate.json.

Exams of students good and bad, with predictors good, useless and misleading, in pools small and large. A setting has
one pool; its runs differ in what is drawn for the audits. Everybody looks after every answer.

- `error`: the share of runs whose bound was above the truth at one of LOOKS looks, or of all that the pool allows
  (`error_low` and `error_high`: exact, 95%).
- `audits`: until the bound reaches the target, which is below the truth: their median, mean and 90th percentile.
- `planned`: what the exact bound needs that looks once, after so many audits settled beforehand by somebody who knows
  the truth, so that the target is reached in 90% of exams. `audits_over_exact` is the median over that,
  `mean_over_exact` the mean, `audits_over_exact_at_90` the 90th percentile: what either takes to be done in 90%.
- `looking`: the median of what the exact bound needs that looks after every answer, at a level that is divided by the
  number of looks: the fewest of which the last alone reaches the target in 90% of exams. Exams that get to the last in
  vain count as that many. `audits_over_looking` is the ratio of the medians.
"""

import json
import sys
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from tests.exams import SHARPNESS, Exam, audits_until, exam

from elad.evaluate import Score, auroc
from elad.progress import say, shown
from elad.sufficiency import exact_interval
from elad.sufficiency.certificate import claim
from elad.sufficiency.single_look import fewest_accepted, planned_audits

RESULTS = Path(__file__).parent.parent / "studies" / "results" / "certificate.json"

ERROR = 0.05
RUNS = {"error": 10_000, "audits": 2000}
LOOKS = {"error": 1000, "audits": 10_000}
"""At most, of a run; one that gets to the last in vain counts as that many audits."""

POOLS = (200, 100_000)
SHARES = (0.95, 0.9, 0.8, 0.6, 0.3)
GAPS = (0.05, 0.1)


def looking(exam: Exam, target: float, share: float, draws: NDArray[np.int64]) -> NDArray[np.float64]:
    """By run, the audits until the exact bound, at a level divided by the number of looks, reaches the target."""
    pool = len(exam.accepted)
    looks = planned_audits(share, target, pool)
    while (enough := planned_audits(share, target, pool, ERROR / looks)) > looks:
        looks = enough
    fewest = [fewest_accepted(audits, target, pool, ERROR / looks) for audits in range(1, looks + 1)]
    found = exam.accepted[draws[:, :looks]].cumsum(1)
    reached = found >= [pool if least is None else least for least in fewest]
    reached[:, -1] = True
    counted: NDArray[np.float64] = reached.argmax(1) + 1.0
    return counted


def drawn(pool: int, what: str, rng: np.random.Generator) -> NDArray[np.int64]:
    """What is drawn in every run that measures this: uniformly, without replacement, in order."""
    looks = min(LOOKS[what], pool)
    return np.stack([rng.choice(pool, looks, replace=False) for _ in range(RUNS[what])])


def measure(pool: int, share: float, predictor: str, rng: np.random.Generator) -> list[dict[str, object]]:
    """The figures of a setting, by target."""
    made = exam(pool, share, predictor, rng)
    truth = int(made.accepted.sum())
    wrong = int(np.isfinite(audits_until(made, truth, drawn(pool, "error", rng))).sum())
    low, high = exact_interval(Score(right=wrong, total=RUNS["error"]))
    area = auroc(made.predictions.tolist(), (made.accepted == 1).tolist())
    draws = drawn(pool, "audits", rng)
    told = []
    for gap in GAPS:
        target = round(share - gap, 2)
        audits = audits_until(made, int(claim(np.array(target), pool)), draws).clip(max=LOOKS["audits"])
        planned = planned_audits(share, target, pool)
        union = float(np.median(looking(made, target, share, draws)))
        median, mean, most = float(np.median(audits)), float(audits.mean()), float(np.quantile(audits, 0.9))
        told.append({
            "pool": pool, "share": truth / pool, "predictor": predictor, "auroc": round(area or 0.5, 3),
            "target": target, "stated_error": ERROR,
            "error": wrong / RUNS["error"], "error_low": round(low, 4), "error_high": round(high, 4),
            "audits": {"median": median, "mean": round(mean, 1), "90%": round(most, 1)},
            "planned": planned, "looking": union,
            "audits_over_exact": round(median / planned, 3),
            "mean_over_exact": round(mean / planned, 3),
            "audits_over_exact_at_90": round(most / planned, 3),
            "audits_over_looking": round(median / union, 3),
        })  # fmt: skip
    return told


def main() -> None:
    """Measure and write the results file."""
    told = []
    with shown(Console(file=sys.stderr)):
        for number, (pool, share, predictor) in enumerate(product(POOLS, SHARES, SHARPNESS)):
            for figures in measure(pool, share, predictor, np.random.default_rng(number)):
                say(str(figures))
                told.append(figures)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    how = {"command": "make certificate", "runs": RUNS, "looks": LOOKS}
    RESULTS.write_text(json.dumps({**how, "settings": told}, indent=2) + "\n")


if __name__ == "__main__":
    main()
