"""Buying call by call: as many at a time as the teacher bears, each as patiently as makes sense.

Nobody else tries again. What a try may have cost when nobody knows is held against the budget before there is another.
"""

import asyncio
from collections.abc import Mapping

from elad.budget import Usage
from elad.errors import TeacherRefuses
from elad.progress import track
from elad.teacher.asking import Ask
from elad.teacher.messages import Request
from elad.teacher.pace import Pace
from elad.teacher.retry import Failed, Retry
from elad.teacher.teacher import Reply, Teacher
from elad.teacher.throttle import Throttle
from elad.teacher.till import Till
from elad.teacher.together import Together
from elad.teacher.waiting import when_some_are_done


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
        self._stopped = asyncio.Event()
        budget, under_way = self._till.budget, set[asyncio.Task[None]]()
        try:
            for key, ask in track(wanted.items(), "ask", len(wanted)):
                bound = self._till.bound(ask)
                # a call under way may settle below its bound and make room
                while under_way and (len(under_way) >= int(self._throttle.limit) or not budget.fits(bound)):
                    under_way = await when_some_are_done(under_way)
                if not budget.reserve(key, bound):
                    break
                if not self._till.bought_before(key, round, ask):
                    under_way.add(asyncio.create_task(self._call(key, round, ask, bound)))
            while under_way:
                under_way = await when_some_are_done(under_way)
        except BaseException:
            self._stopped.set()
            # answers that are on their way are paid for: wait for them whatever happened
            await asyncio.gather(*under_way, return_exceptions=True)
            raise

    async def _call(self, key: str, round: int, ask: Ask, bound: Usage) -> None:
        calls, budget = self._till.ledger.calls, self._till.budget
        request = ask.request.model_dump_json()
        await self._together.write(lambda: calls.open(key, round, ask.question, request, bound))
        retry = Retry(self._till.tries, self._stopped)
        while True:
            try:
                reply = await self._try(ask.request, bound)
            except Failed as error:
                if error.uncertain:
                    calls.lose(key)
                    budget.settle(key, bound)
                    if not budget.reserve(key, bound):
                        return
                    calls.open(key, round, ask.question, request, bound)
                if await retry.again(error):
                    continue
                self._forget(key)
                if not self._stopped.is_set():
                    self._till.give_up(key, error)
                return
            except TeacherRefuses:
                self._forget(key)
                raise
            break
        await self._together.write(lambda: calls.settle(key, reply.raw, reply.usage, reply.outcome))
        budget.settle(key, reply.usage)
        self._till.share(key, reply)
        self._till.look_at(reply, ask)

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
