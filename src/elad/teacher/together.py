"""Writes of one turn of the event loop in one transaction: one wait for the disk, however many answers came."""

import asyncio
from collections.abc import Callable

from elad.ledger import Ledger


class Together:
    """Gathers writes to a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._works: list[Callable[[], None]] = []
        self._kept: asyncio.Future[None] | None = None

    async def write(self, work: Callable[[], None]) -> None:
        """Write, beside what else is written now; on the disk when this returns. Raises what any of it raised."""
        if self._kept is None:
            loop = asyncio.get_running_loop()
            self._kept = loop.create_future()
            loop.call_soon(self._write)
        self._works.append(work)
        await asyncio.shield(self._kept)

    def _write(self) -> None:
        kept, works = self._kept, self._works
        assert kept, "nobody waits"
        self._kept, self._works = None, []
        try:
            with self._ledger.write():
                for work in works:
                    work()
        except BaseException as error:
            kept.set_exception(error)
        else:
            kept.set_result(None)
