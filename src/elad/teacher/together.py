"""Writes of one turn of the event loop in one transaction: one wait for the disk, however many answers came."""

import asyncio
from collections.abc import Callable

from elad.ledger import Ledger

Work = Callable[[], None]


class Together:
    """Gathers writes to a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[tuple[Work, asyncio.Future[None]]] = []

    async def write(self, work: Work) -> None:
        """Write, beside what else is written now; on the disk when this returns. Raises what this work raised."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._write)
        kept = loop.create_future()
        self._waiting.append((work, kept))
        await asyncio.shield(kept)

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            with self._ledger.write():
                for work, _ in waiting:
                    work()
        except Exception:
            # what can be kept is kept: one call that can't be opened must not cost the others' answers
            for work, kept in waiting:
                self._alone(work, kept)
            return
        for _, kept in waiting:
            kept.set_result(None)

    def _alone(self, work: Work, kept: asyncio.Future[None]) -> None:
        try:
            with self._ledger.write():
                work()
        except Exception as error:
            kept.set_exception(error)
        else:
            kept.set_result(None)
