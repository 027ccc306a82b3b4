"""A batch from its plan to its end, from wherever an earlier process has left it.

Every name that the endpoint gives is kept before the next step. A file that nobody knows of costs nothing; a batch that
nobody knows of costs all of its answers. So where one may have been created of which we were not told, it is looked for
before another is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from elad.errors import TeacherError, TeacherRefuses
from elad.ledger import Batch, Ledger
from elad.progress import say
from elad.teacher.batches import Batches, Outcome
from elad.teacher.endpoint import HANDS_OFF
from elad.teacher.messages import Request
from elad.teacher.retry import Failed, Retry

T = TypeVar("T")

_PATIENCE = 10
"""By how much a batch that is under way has more tries: its endpoint may be away for an hour."""


class Bulk:
    """Has a ledger's batches worked on by an endpoint. Each request to it is tried so many times."""

    def __init__(self, batches: Batches, ledger: Ledger, tries: int) -> None:
        self._batches = batches
        self._ledger = ledger
        self._tries = tries

    async def outcomes(self, batch: Batch, requests: Mapping[str, Request]) -> dict[str, Outcome]:
        """What came of a batch's requests, by their keys, when it has ended.

        Raises TeacherError where the endpoint can't be asked, and TeacherRefuses where it takes the batch for none.
        """
        try:
            id = batch.id or await self._created(batch, requests)
            return await self._fetched(batch.name, id, requests)
        except asyncio.CancelledError:
            say(f"  batch {batch.name}: it goes on without us, and the same command takes it up again")
            raise

    async def _created(self, batch: Batch, requests: Mapping[str, Request]) -> str:
        may_be_there = batch.file is not None
        file = batch.file or await self._uploaded(batch, requests)

        async def create() -> str:
            nonlocal may_be_there
            found = await self._batches.find(batch.name, file) if may_be_there else None
            may_be_there = True
            return found or await self._batches.create(batch.name, file)

        id = await self._patiently(create)
        self._ledger.batches.created(batch, id)
        return id

    async def _uploaded(self, batch: Batch, requests: Mapping[str, Request]) -> str:
        rows = b"".join(self._batches.row(key, request) for key, request in requests.items())
        file = await self._patiently(lambda: self._batches.upload(batch.name, rows))
        self._ledger.batches.uploaded(batch, file)
        return file

    async def _fetched(self, name: str, id: str, requests: Mapping[str, Request]) -> dict[str, Outcome]:
        told = None
        while True:
            stand = await self._patiently(lambda: self._batches.look(id), _PATIENCE)
            if stand.total and told != stand.answered:
                told = stand.answered
                say(f"  batch {name}: {stand.answered}/{stand.total} answered")
            if stand.status == "failed":
                failed = TeacherRefuses(f"the endpoint takes no such batch ({stand.why}). {HANDS_OFF}")
                return dict.fromkeys(requests, failed)
            if stand.ended:
                break
            await asyncio.sleep(self._batches.poll)
        files = [await self._patiently(partial(self._batches.content, file), _PATIENCE) for file in stand.files]
        return self._batches.read("\n".join(files), requests)

    async def _patiently(self, ask: Callable[[], Awaitable[T]], patience: int = 1) -> T:
        retry = Retry(self._tries * patience, asyncio.Event())
        while True:
            try:
                return await ask()
            except Failed as error:
                if not await retry.again(error):
                    raise TeacherError(f"the endpoint of a batch can't be asked ({error}). {HANDS_OFF}") from error
