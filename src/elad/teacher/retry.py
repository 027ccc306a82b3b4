"""Trying again: not before the time that was asked for, and a random time later whose bound doubles."""

import asyncio
import random
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_FIRST, _LONGEST = 1.0, 120.0
"""Bounds of the random time before the second try, and before any, in seconds."""

_ASKED_AT_MOST = 3600.0
"""Seconds that are waited for at most because an endpoint asks for them."""


class Failed(Exception):
    """A try that came to nothing, where another may; `after`: seconds in which none is wanted.

    `too_many`: whether it is because there are too many calls. `uncertain`: whether it may have been billed.
    """

    def __init__(self, why: str, *, after: float = 0.0, too_many: bool = False, uncertain: bool = False) -> None:
        super().__init__(why)
        self.after = after
        self.too_many = too_many
        self.uncertain = uncertain


class Retry:
    """So many tries of one call, until `stopped` is set."""

    def __init__(self, tries: int, stopped: asyncio.Event) -> None:
        self._left = tries
        self._most = _FIRST
        self._stopped = stopped

    async def again(self, error: Failed) -> bool:
        """Wait for the next try; False when there is to be none."""
        self._left -= 1
        if self._left <= 0 or self._stopped.is_set():
            return False
        wait = error.after + random.uniform(0, self._most)
        self._most = min(2 * self._most, _LONGEST)
        try:
            await asyncio.wait_for(self._stopped.wait(), wait)
        except TimeoutError:
            return True
        return False


def seconds(after: str | None) -> float:
    """A Retry-After header, in seconds or as a date; nothing where it is neither."""
    if after is None:
        return 0.0
    try:
        asked = float(after)
    except ValueError:
        try:
            asked = parsedate_to_datetime(after).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(max(0.0, asked), _ASKED_AT_MOST)


def reset(headers: Mapping[str, str]) -> float:
    """Seconds until it takes requests again, where its headers say that none is left: `x-ratelimit-*`."""
    longest = 0.0
    for what in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{what}") == "0":
            longest = max(longest, _span(headers.get(f"x-ratelimit-reset-{what}", "")))
    return longest


def _span(told: str) -> float:
    """Seconds in `6m0s`, `1.5s`, `20ms` or a bare number."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}
    return min(
        sum(float(n) * units[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|[smhd]|)", told)), _ASKED_AT_MOST
    )
