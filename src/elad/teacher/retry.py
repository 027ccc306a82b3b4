"""Trying again: after the time that was asked for, else after a random time that doubles at most."""

import asyncio
import random

_FIRST, _LONGEST = 0.5, 120.0
"""Seconds before the second try, and before any."""


class Refused(Exception):
    """An answer that another try may better; `after`: what a Retry-After header says.

    `too_many`: whether it is because there are too many calls.
    """

    def __init__(self, why: str, after: str | None = None, *, too_many: bool = False) -> None:
        super().__init__(why)
        self.after = after
        self.too_many = too_many


class Retry:
    """So many tries of one call."""

    def __init__(self, tries: int) -> None:
        self._left = tries
        self._most = _FIRST

    async def again(self, error: Exception) -> bool:
        """Wait for the next try; False when none is left. Waits are drawn from nothing to twice the last bound."""
        self._left -= 1
        if self._left <= 0:
            return False
        asked = _seconds(error.after) if isinstance(error, Refused) else None
        await asyncio.sleep(min(asked, _LONGEST) if asked is not None else random.uniform(0, self._most))
        self._most = min(2 * self._most, _LONGEST)
        return True


def _seconds(after: str | None) -> float | None:
    """A Retry-After in seconds; None where there is none, or it is a date."""
    try:
        return max(0.0, float(after)) if after is not None else None
    except ValueError:
        return None
