"""Buying in batches: each from its plan to its end, from wherever an earlier process has left it.

Every name that the endpoint gives is kept before the next step. A file that nobody knows of costs nothing; a batch that
nobody knows of costs all of its answers. So where one may have been created of which we were not told, it is looked for
before another is.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from elad.errors import TeacherError, TeacherRefuses
from elad.ledger import Batch, Planned, Settled
from elad.progress import say
from elad.teacher.asking import Ask
from elad.teacher.batches import MOST_BYTES, MOST_ROWS, BatchApi, Gone, Result
from elad.teacher.messages import Request
from elad.teacher.retry import Failed, Retry
from elad.teacher.teacher import HANDS_OFF, Reply
from elad.teacher.till import Till
from elad.teacher.waiting import unless_stopped

T = TypeVar("T")

_PATIENCE = 10
"""By how much a batch that is under way has more tries: its endpoint may be away for an hour."""


class Untaken(Exception):
    """The endpoint takes no such file or batch, so that there is none, and nothing was billed."""


async def _taken(asking: Awaitable[T]) -> T:
    try:
        return await asking
    except TeacherRefuses as error:
        raise Untaken(str(error)) from error


class Bulk:
    """Has requests answered by an endpoint's batches, one batch after the other."""

    def __init__(self, batches: BatchApi, till: Till) -> None:
        self._batches = batches
        self._till = till
        self._ledger = till.ledger.batches
        for batch in self._ledger.unfinished():
            for call in self._ledger.calls(batch):
                till.budget.hold(call.key, call.bound)

    @property
    def unfinished(self) -> bool:
        """Whether a batch of an earlier process is to be taken up."""
        return bool(self._ledger.unfinished())

    async def finish(self) -> None:
        """Take up what an earlier process has left under way.

        Raises Interrupted soon after Ctrl-C, here and in `buy`: whatever a kill may do to a batch, that may do too.
        """
        for batch in self._ledger.unfinished():
            await unless_stopped(self._finish(batch))

    async def buy(self, round: int, wanted: Mapping[str, Ask]) -> None:
        """Buy batch after batch: what one leaves unanswered, and what it makes room for, is for the next."""
        await unless_stopped(self._buy(round, wanted))

    async def _buy(self, round: int, wanted: Mapping[str, Ask]) -> None:
        tries: Counter[str] = Counter()
        while True:
            left = {key: ask for key, ask in wanted.items() if tries[key] < self._till.tries}
            batch = self._plan(round, left)
            if batch is None:
                return
            outcomes = await self._finish(batch)
            tries.update(outcomes.keys())
            for key, ask in wanted.items():
                outcome = outcomes.get(key)
                if isinstance(outcome, Reply):
                    self._till.look_at(outcome, ask)
                elif isinstance(outcome, Failed) and tries[key] >= self._till.tries:
                    self._till.give_up(key, outcome)

    async def _finish(self, batch: Batch) -> dict[str, Result]:
        """Bring a batch to its end, and keep what came of it. Raises TeacherRefuses where it is not taken."""
        calls = self._ledger.calls(batch)
        requests = {call.key: Request.model_validate_json(call.request) for call in calls}
        outcomes = await self._outcomes(batch, requests)
        self._end(batch, calls, outcomes)
        for outcome in outcomes.values():
            if isinstance(outcome, TeacherRefuses):
                raise outcome
            if isinstance(outcome, Reply) and outcome.wrong:
                raise TeacherError(f"{outcome.wrong} {HANDS_OFF}")
        return outcomes

    def _plan(self, round: int, asks: Mapping[str, Ask]) -> Batch | None:
        """A batch of what is not answered yet, as far as the budget admits it and a batch holds; None of nothing."""
        planned: list[Planned] = []
        size = 0
        for key in self._till.ledger.calls.missing(asks, round):
            ask = asks[key]
            size += len(self._batches.row(key, ask.request))
            bound = self._till.bound(ask).in_a_batch()
            if len(planned) == MOST_ROWS or size > MOST_BYTES or not self._till.budget.reserve(key, bound):
                break
            if not self._till.bought_before(key, round, ask):
                planned.append(Planned(key, ask.question, ask.request.model_dump_json(), bound))
        return self._ledger.plan(round, planned) if planned else None

    def _end(self, batch: Batch, calls: list[Planned], outcomes: Mapping[str, Result]) -> None:
        """Keep what came of a batch's calls; what was not billed is forgotten, and what may have been counts."""
        till = self._till
        replies = {key: outcome for key, outcome in outcomes.items() if isinstance(outcome, Reply)}
        lost = {key for key, outcome in outcomes.items() if isinstance(outcome, Failed) and outcome.uncertain}
        costs = {key: reply.usage.in_a_batch() for key, reply in replies.items()}
        settled = [Settled(key, reply.raw, costs[key], reply.outcome) for key, reply in replies.items()]
        self._ledger.end(batch, settled, lost)
        for call in calls:
            if call.key in replies:
                till.budget.settle(call.key, costs[call.key])
                till.share(call.key, replies[call.key])
            elif call.key in lost:
                till.budget.settle(call.key, call.bound)
            else:
                till.budget.release(call.key)

    async def _outcomes(self, batch: Batch, requests: Mapping[str, Request]) -> dict[str, Result]:
        """What came of a batch's requests, by their keys, when it has ended.

        Raises TeacherError where the endpoint can't be asked.
        """
        try:
            id = batch.id or await self._created(batch, requests)
            return await self._fetched(batch.name, id, requests)
        except Untaken as error:
            return dict.fromkeys(requests, TeacherRefuses(str(error)))
        except Gone as error:
            if self._batches.lets_go:
                return dict.fromkeys(requests, Failed(f"its batch is gone ({error})", uncertain=True))
            raise TeacherRefuses(
                f"the endpoint has the batch {batch.name} no more ({error}). Ask with the key that it was made with. "
                "If it is gone for good, set teacher.gone_batch=lost: its calls count at their bounds, and are made "
                "again."
            ) from error
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
            return found if found else await _taken(self._batches.create(batch.name, file))

        id = await self._patiently(create)
        self._ledger.created(batch, id)
        return id

    async def _uploaded(self, batch: Batch, requests: Mapping[str, Request]) -> str:
        rows = b"".join(self._batches.row(key, request) for key, request in requests.items())
        file = await self._patiently(lambda: _taken(self._batches.upload(batch.name, rows)))
        self._ledger.uploaded(batch, file)
        return file

    async def _fetched(self, name: str, id: str, requests: Mapping[str, Request]) -> dict[str, Result]:
        told = None
        while True:
            stand = await self._patiently(lambda: self._batches.look(id), _PATIENCE)
            if told != (stand.status, stand.answered):
                told = stand.status, stand.answered
                say(f"  batch {name}: {stand.status or 'it does not say how it stands'}, {stand.answered} answered")
            if stand.status == "failed":
                failed = TeacherRefuses(f"the endpoint takes no such batch ({stand.why}). {HANDS_OFF}")
                return dict.fromkeys(requests, failed)
            if stand.ended:
                break
            await asyncio.sleep(self._batches.poll)
        files = [await self._patiently(partial(self._batches.content, file), _PATIENCE) for file in stand.files]
        return self._batches.read("\n".join(files), stand, requests)

    async def _patiently(self, ask: Callable[[], Awaitable[T]], patience: int = 1) -> T:
        retry = Retry(self._till.tries * patience, asyncio.Event())
        while True:
            try:
                return await ask()
            except Failed as error:
                if not await retry.again(error):
                    raise TeacherError(f"the endpoint of a batch can't be asked ({error}). {HANDS_OFF}") from error
