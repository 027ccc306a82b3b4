"""Buying call by call: as many at a time as the teacher bears, each as patiently as makes sense.

Nothing below tries again. What a try may have cost when nobody knows is held against the budget before there is
another.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from elad.budget import Usage
from elad.errors import TeacherRefuses
from elad.progress import counter, heed
from elad.teacher.asking import Ask
from elad.teacher.messages import Request
from elad.teacher.pace import Pace
from elad.teacher.retry import Failed, Retry
from elad.teacher.teacher import Reply, Teacher
from elad.teacher.throttle import Throttle
from elad.teacher.till import Till
from elad.teacher.together import Together
from elad.teacher.waiting import still_under_way


class Singly:
    """Asks a teacher one request a call."""

    def __init__(self, teacher: Teacher, till: Till) -> None:
        traffic = teacher.traffic
        self._teacher = teacher
        self._till = till
        self._throttle = Throttle(traffic.concurrency, begins_low=teacher.metered)
        self._pace = Pace(traffic.requests_per_minute, traffic.tokens_per_minute)
        self._together = Together(till.ledger)

    async def buy(self, round: int, wanted: Mapping[str, Ask]) -> None:
        """Ask in the order of requests, as far as the budget admits them."""
        self._stopped, self._news, self._asking = asyncio.Event(), asyncio.Event(), 0
        budget, under_way = self._till.budget, set[asyncio.Task[None]]()
        try:
            with counter("ask", len(wanted)) as tick:
                for key, ask in wanted.items():
                    heed()
                    bound = self._till.bound(ask)
                    # a call under way may settle below its bound and make room
                    while under_way and (self._asking >= int(self._throttle.limit) or not budget.fits(bound)):
                        under_way = await self._until_some_end(under_way, tick)
                    if not budget.reserve(key, bound):
                        break
                    if self._till.bought_before(key, round, ask):
                        tick()
                        continue
                    self._asking += 1
                    call = asyncio.create_task(self._call(key, round, ask, bound))
                    call.add_done_callback(lambda _: self._news.set())
                    under_way.add(call)
                while under_way:
                    under_way = await self._until_some_end(under_way, tick)
        except BaseException:
            self._stopped.set()
            if self._teacher.keeps:
                for call in under_way:
                    call.cancel()
            # answers that are on their way are paid for: wait for them whatever happened
            await asyncio.gather(*under_way, return_exceptions=True)
            raise

    async def _until_some_end(
        self, calls: set[asyncio.Task[None]], tick: Callable[[], None]
    ) -> set[asyncio.Task[None]]:
        """The calls that have not ended, once some have."""
        left = await still_under_way(calls, self._news)
        for _ in range(len(calls) - len(left)):
            tick()
        return left

    async def _call(self, key: str, round: int, ask: Ask, bound: Usage) -> None:
        try:
            reply = await self._answer(key, round, ask, bound)
            if reply and reply.wrong:
                self._stopped.set()
        finally:  # another may be asked while this one's answer goes to the disk
            self._asking -= 1
            self._news.set()
        if reply is None:
            return
        settle = partial(self._till.ledger.calls.settle, key, reply.raw, reply.usage, reply.outcome)
        await self._together.write(settle)
        self._till.budget.settle(key, reply.usage)
        await asyncio.sleep(0)  # what is to be asked next goes first
        self._till.share(key, reply)
        self._till.look_at(reply, ask)

    async def _answer(self, key: str, round: int, ask: Ask, bound: Usage) -> Reply | None:
        """Open a call, and try until it is answered; None where it is given up, or a cap has no room for a try."""
        calls, budget = self._till.ledger.calls, self._till.budget
        open_call = partial(calls.open, key, round, ask.question, ask.request.model_dump_json(), bound)
        await self._together.write(open_call)
        retry = Retry(self._till.tries, self._stopped)
        while True:
            try:
                return await self._try(ask.request, bound)
            except Failed as error:
                if error.uncertain:
                    calls.lose(key)
                    budget.settle(key, bound)
                    if not budget.reserve(key, bound):
                        return None
                    open_call()
                if await retry.again(error):
                    continue
                self._forget(key)
                if not self._stopped.is_set():
                    self._till.give_up(key, error)
                return None
            except TeacherRefuses:
                self._forget(key)
                raise

    async def _try(self, request: Request, bound: Usage) -> Reply:
        expected = await self._pace.admit(bound.tokens, self._stopped)
        if self._stopped.is_set():
            raise Failed("nothing is asked any more")
        try:
            with self._throttle as filled:
                reply = await self._teacher.ask(request)
        except Failed as error:
            if error.too_many:
                self._throttle.was_too_much()
                self._pace.hold(error.after)
            raise
        if filled:
            self._throttle.went_well()
        self._pace.took(reply.usage.tokens, expected)
        self._pace.hold(reply.hold)
        return reply

    def _forget(self, key: str) -> None:
        self._till.ledger.calls.forget(key)
        self._till.budget.release(key)
