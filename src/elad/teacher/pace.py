"""As many requests and tokens a minute as the recipe allows, and none while the teacher wants none."""

import asyncio
import time
from contextlib import suppress


class Pace:
    """When the next call may begin: a minute's allowance is spread evenly over the minute.

    What a call will take is not known before: it is reckoned as the calls before it were, and set right after.
    """

    def __init__(self, requests_per_minute: int | None, tokens_per_minute: int | None) -> None:
        self._a_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._a_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._requests_free = self._tokens_free = self._held_until = 0.0
        self._taken: list[int] = []

    async def admit(self, most: int, stopped: asyncio.Event) -> int:
        """Wait for a call's turn, or until `stopped`; returns the tokens, up to `most`, that it is reckoned to take."""
        expected = min(most, sum(self._taken) // len(self._taken)) if self._taken else most
        now = time.monotonic()
        starts = max(now, self._requests_free, self._tokens_free, self._held_until)
        self._requests_free = max(now, self._requests_free) + self._a_request
        self._tokens_free = max(now, self._tokens_free) + expected * self._a_token
        while (wait := max(starts, self._held_until) - time.monotonic()) > 0 and not stopped.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), wait)
        return expected

    def took(self, tokens: int, expected: int) -> None:
        """A call took so many tokens."""
        self._taken = [*self._taken[-99:], tokens]
        self._tokens_free += (tokens - expected) * self._a_token

    def hold(self, seconds: float) -> None:
        """No call is to begin for so long."""
        self._held_until = max(self._held_until, time.monotonic() + seconds)
