"""Where the teacher is paid: budget, then ledger, then call, then ledger again; parsers come after.

The order of requests decides which of them the budget still admits, not the order in which answers arrive.
"""

import asyncio
from collections.abc import Sequence

from elad.budget import Budget, Caps, Usage
from elad.errors import TeacherError, TeacherRefuses
from elad.ledger import Ledger
from elad.progress import track
from elad.teacher.messages import Request
from elad.teacher.teacher import Teacher


class Desk:
    """Asks one teacher on behalf of one run."""

    def __init__(self, teacher: Teacher, ledger: Ledger, caps: Caps) -> None:
        self.teacher = teacher
        self.max_output_tokens = teacher.max_output_tokens
        self._ledger = ledger
        ledger.close_open_calls(may_have_been_billed=teacher.metered)
        self._budget = Budget(caps, teacher.price, ledger.spent())

    def has_room(self, round: int) -> bool:
        """Whether, after a round, the caps had room for the smallest call that there can be."""
        spent = Budget(self._budget.caps, self._budget.price, self._ledger.spent(up_to=round))
        return spent.fits(Usage(calls=1, input_tokens=1, output_tokens=self.max_output_tokens))

    def ask(self, round: int, requests: Sequence[tuple[str, Request]]) -> list[tuple[str, str | None]]:
        """The call's key and the raw reply to each (question id, request); None where the budget had no room left.

        What was answered before, in whichever round, is not asked again. Raises TeacherError when the teacher can't
        be asked, StorageError when an answer could not be kept; what had arrived is kept in either case.
        """
        keys = [request.key(self.teacher.identity()) for _, request in requests]
        asyncio.run(self._in_session(round, list(zip(keys, requests, strict=True))))
        kept = [self._ledger.call(key) for key in keys]
        return [(key, call.reply if call else None) for key, call in zip(keys, kept, strict=True)]

    async def _in_session(self, round: int, wanted: list[tuple[str, tuple[str, Request]]]) -> None:
        async with self.teacher.session():
            await self._buy(round, wanted)

    async def _buy(self, round: int, wanted: list[tuple[str, tuple[str, Request]]]) -> None:
        under_way: set[asyncio.Task[None]] = set()
        try:
            for key, (question, request) in track(wanted, "ask", len(wanted)):
                if self._ledger.call(key):
                    continue
                bound = self.teacher.bound(request)
                # a call under way may settle below its bound and make room
                while under_way and (len(under_way) >= self.teacher.at_a_time or not self._budget.fits(bound)):
                    under_way = await _when_some_are_done(under_way)
                if not self._budget.reserve(key, bound):
                    break
                self._ledger.open_call(key, round, question, request.model_dump_json(), bound)
                under_way.add(asyncio.create_task(self._call(key, request)))
            while under_way:
                under_way = await _when_some_are_done(under_way)
        except BaseException:
            self.teacher.stop()
            # answers that are on their way are paid for: wait for them whatever happened
            await asyncio.gather(*under_way, return_exceptions=True)
            raise

    async def _call(self, key: str, request: Request) -> None:
        try:
            reply = await self.teacher.ask(request)
        except TeacherRefuses:
            self._ledger.forget_call(key)
            raise
        self._ledger.settle_call(key, reply.text, reply.usage)
        self._budget.settle(key, reply.usage)
        if reply.usage.output_tokens > request.max_output_tokens:
            raise TeacherError(
                f"a reply has {reply.usage.output_tokens} tokens where at most {request.max_output_tokens} were asked "
                "for, so that no budget could be held: see teacher.limit for how the endpoint names that cap."
            )


async def _when_some_are_done(calls: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """The calls that are left when some have ended. Raises what one of these raised."""
    done, left = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    if failed := [error for task in done if (error := task.exception())]:
        raise failed[0]
    return left
