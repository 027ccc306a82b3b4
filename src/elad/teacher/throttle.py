"""As many calls at a time as an endpoint bears: it begins low and doubles until it is told that these are too many.

From then on one more for every round of them that went well, and a quarter less when told so: additive increase,
multiplicative decrease, as networks share a line (Chiu and Jain 1989; the slow start is Jacobson's, 1988).
"""

import time

_START = 8
"""Calls at a time to begin with."""

_HALF, _LESS = 0.5, 0.75
"""What is left of the limit when it is told that it is too much: while it doubles, and later."""

_PAUSE = 1.0
"""Seconds in which a limit is lowered once: calls that were under way together are refused together."""


class Throttle:
    """How many calls there may be at a time: `limit`, at most `most`. `under_way`: how many there are."""

    def __init__(self, most: int, *, begins_low: bool = True) -> None:
        self.limit = float(min(most, _START) if begins_low else most)
        self.under_way = 0
        self._most = most
        self._lowered = -_PAUSE
        self._doubling = True

    def __enter__(self) -> bool:
        """Whether the limit is filled by this call: only then its success tells that one more may be borne."""
        self.under_way += 1
        return self.under_way >= int(self.limit)

    def __exit__(self, *_: object) -> None:
        self.under_way -= 1

    def went_well(self) -> None:
        """A call that filled the limit was answered."""
        self.limit = min(float(self._most), self.limit + (1 if self._doubling else 1 / self.limit))

    def was_too_much(self) -> None:
        """A call was refused because there are too many."""
        now = time.monotonic()
        if now - self._lowered >= _PAUSE:
            self._lowered = now
            self.limit = max(1.0, self.limit * (_HALF if self._doubling else _LESS))
            self._doubling = False
