"""The plain exam that a certificate is held against: so many audits, settled beforehand, and one look at the end."""

import numpy as np
from numpy.typing import NDArray

from elad.sufficiency.certificate import claim


def planned_audits(share: float, target: float, pool: int, error: float = 0.05, power: float = 0.9) -> int:
    """The fewest audits that certify `target` with a probability of `power` where the true share is `share`.

    By the exact lower bound, one-sided at level 1 - `error`, of a uniform sample without replacement: hypergeometric,
    which in a large pool is that of Clopper and Pearson (1934). Raises ValueError where the share is below the target.
    """
    accepted = round(share * pool)
    if accepted <= claim(np.array(target), pool):
        raise ValueError(f"a share of {share} is below {target}")
    for audits in range(1, pool):
        enough = fewest_accepted(audits, target, pool, error)
        if enough is not None and _at_least(pool, accepted, audits)[enough] >= power:
            return audits
    return pool


def fewest_accepted(audits: int, target: float, pool: int, error: float = 0.05) -> int | None:
    """How many of so many audits must be accepted for the exact lower bound to reach `target`; None where all won't do.

    Below the target, so many would be accepted with a probability of at most `error`.
    """
    lucky = _at_least(pool, int(claim(np.array(target), pool)), audits) <= error
    return int(np.argmax(lucky)) if lucky.any() else None


def _at_least(pool: int, accepted: int, audits: int) -> NDArray[np.float64]:
    """The chance that 0, 1, ... of the audits, or more, are accepted, if so many of the pool are."""
    found = np.arange(audits + 1)
    ways = _choose(accepted, found) + _choose(pool - accepted, audits - found) - _choose(pool, np.array(audits))
    chances: NDArray[np.float64] = np.exp(ways)
    return chances[::-1].cumsum()[::-1]


def _choose(many: int, some: NDArray[np.int64]) -> NDArray[np.float64]:
    """The logarithm of the number of ways to choose some of many; there is none to choose more than there are."""
    from scipy.special import gammaln

    ways: NDArray[np.float64] = gammaln(many + 1) - gammaln(some + 1) - gammaln(many - some + 1)
    return ways
