"""Whether most of the last calls failed: then asking on is waste."""

from collections import deque

LAST = 20
"""Calls that are looked back on."""


class Window:
    """The last calls to end. Nothing is said before so many have been `seen`."""

    def __init__(self, seen: int) -> None:
        self._seen = seen
        self._failures: deque[bool] = deque(maxlen=LAST)

    def add(self, failed: bool) -> bool:
        """Count a call; whether most of the last ones failed, this one among them."""
        self._failures.append(failed)
        return failed and len(self._failures) >= self._seen and 2 * sum(self._failures) > len(self._failures)
