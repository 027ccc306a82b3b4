"""How many of the student's explanations are sound, once people have found out how often the teacher errs."""

from itertools import product

from elad.evaluate import Score
from elad.records import Record
from elad.sufficiency.agreement import exact_interval

_EACH = 1 - 0.05 / 3
"""The level of each of three intervals that together leave out at most 5%."""


class Corrected(Record):
    """The share of sound explanations: an `estimate`, None while people have reviewed too few, and an interval.

    `audit`: how many the teacher accepted, of those audited. `accepted` and `rejected`: how many people found sound,
    of those that they reviewed among the ones that the teacher had accepted, and had not.
    """

    audit: Score
    accepted: Score
    rejected: Score
    estimate: float | None
    low: float
    high: float


def corrected(audit: Score, accepted: Score, rejected: Score) -> Corrected:
    """The share p a + (1 - p) r: accepted ones that are sound, and sound ones that were not accepted.

    p, the share that the teacher accepts, is counted over the audit; a and r, the shares of sound ones among those that
    it accepts and those that it does not, over the review. Each has its exact interval (Clopper-Pearson), all of 0 to 1
    where nothing was counted, at such a level that all three hold at once in at least 95% of runs (Bonferroni). While
    they hold, the share lies between its values at their corners, as it is linear in each of the three. So the interval
    covers in at least 95% of runs, whatever p, a and r are, and also where the review is a part of the audit.
    """
    corners = product(*(exact_interval(score, _EACH) for score in (audit, accepted, rejected)))
    shares = [_sound(*corner) for corner in corners]
    p = audit.share
    known = audit.total and (accepted.total or p == 0) and (rejected.total or p == 1)
    return Corrected(
        audit=audit,
        accepted=accepted,
        rejected=rejected,
        estimate=_sound(p, accepted.share, rejected.share) if known else None,
        low=min(shares),
        high=max(shares),
    )


def _sound(p: float, a: float, r: float) -> float:
    return p * a + (1 - p) * r
