"""Where the teacher is paid: budget, then ledger, then call, then ledger again; parsers come after.

The order of requests decides which of them the budget still admits, not the order in which answers arrive. Nobody
else tries again: what a try costs when nobody knows is held against the budget before there is another.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence

from elad.budget import Budget, Caps, Price, Usage
from elad.errors import TeacherError, TeacherRefuses
from elad.ledger import Batch, Ledger, Planned, Settled
from elad.progress import track
from elad.store import Store
from elad.teacher.batches import MOST_BYTES, MOST_ROWS, Batches, Outcome
from elad.teacher.bulk import Bulk
from elad.teacher.endpoint import HANDS_OFF
from elad.teacher.kept import Answer, Ask, Kept
from elad.teacher.messages import Request
from elad.teacher.pace import Pace
from elad.teacher.replies import BadReply, Declined
from elad.teacher.retry import Failed, Retry
from elad.teacher.teacher import Reply, Said, Teacher
from elad.teacher.throttle import Throttle
from elad.teacher.waiting import run_to_end, unless_stopped, when_some_are_done
from elad.teacher.window import LAST, Window

_LEARNT = "how the teacher is asked"


class Desk(Kept):
    """Asks one teacher on behalf of one run."""

    def __init__(self, teacher: Teacher, ledger: Ledger, caps: Caps, price: Price | None = None) -> None:
        super().__init__(teacher, ledger)
        self._failed: dict[str, str] = {}
        ledger.calls.close_open(may_have_been_billed=teacher.metered)
        self._budget = Budget(caps, price or teacher.price, ledger.calls.spent())
        for batch in ledger.batches.unfinished():
            for call in ledger.batches.calls(batch):
                self._budget.hold(call.key, call.bound)
        self._store = Store() if teacher.stored else None
        teacher.recall(json.loads(ledger.fact(_LEARNT) or "{}"))
        traffic = teacher.traffic
        self._tries = traffic.tries
        self._throttle = Throttle(traffic.concurrency, begins_low=teacher.metered)
        self._pace = Pace(traffic.requests_per_minute, traffic.tokens_per_minute)
        self._unanswered, self._unusable = Window(seen=2), Window(seen=LAST)

    def has_room(self, round: int) -> bool:
        """Whether, after a round, the caps had room for the smallest call that there can be."""
        spent = Budget(self._budget.caps, self._budget.price, self._ledger.calls.spent(up_to=round))
        return spent.fits(self._counted(Usage(calls=1, input_tokens=1, output_tokens=self.max_output_tokens)))

    def ask(self, round: int, asks: Sequence[Ask]) -> list[Answer]:
        """What was said to each request, in their order.

        What was answered before, in whichever round or run, is not asked again. Raises TeacherError when the teacher
        can't be asked, StorageError when an answer could not be kept; what had arrived is kept in either case.
        """
        known = self._ledger.calls
        if self._ledger.batches.unfinished() or any(not known.has(self._key(ask), round) for ask in asks):
            run_to_end(self._in_session(round, asks))
        return [Answer(key, self._said(key)) for key in map(self._key, asks)]

    def _key(self, ask: Ask) -> str:
        return ask.request.key(self.teacher.identity())

    def _said(self, key: str) -> Said | None:
        call = self._ledger.calls.find(key)
        if call and call.reply is not None:
            return self.teacher.said(call.reply)
        return Said("", "failed", self._failed[key]) if key in self._failed else None

    async def _in_session(self, round: int, asks: Sequence[Ask]) -> None:
        self._stopped = asyncio.Event()
        try:
            async with self.teacher.session():
                if batches := self.teacher.batches:
                    # whatever a kill may do, Ctrl-C may do too
                    await unless_stopped(self._buy_in_batches(batches, round, asks))
                else:
                    await self._buy(round, asks)
        finally:
            learnt = json.dumps(self.teacher.learnt)
            if learnt != (self._ledger.fact(_LEARNT) or "{}"):
                self._ledger.state_fact(_LEARNT, learnt)

    async def _buy(self, round: int, asks: Sequence[Ask]) -> None:
        under_way: set[asyncio.Task[None]] = set()
        try:
            for ask in track(asks, "ask", len(asks)):
                key, bound = self._key(ask), self.teacher.bound(ask.request)
                if self._ledger.calls.has(key, round):
                    continue
                # a call under way may settle below its bound and make room
                while under_way and (len(under_way) >= int(self._throttle.limit) or not self._budget.fits(bound)):
                    under_way = await when_some_are_done(under_way)
                if not self._budget.reserve(key, bound):
                    break
                if self._bought_before(key, round, ask):
                    continue
                self._ledger.calls.open(key, round, ask.question, ask.request.model_dump_json(), bound)
                under_way.add(asyncio.create_task(self._call(key, round, ask, bound)))
            while under_way:
                under_way = await when_some_are_done(under_way)
        except BaseException:
            self._stopped.set()
            # answers that are on their way are paid for: wait for them whatever happened
            await asyncio.gather(*under_way, return_exceptions=True)
            raise

    def _bought_before(self, key: str, round: int, ask: Ask) -> bool:
        found = self._store.find(key) if self._store else None
        if found is None:
            return False
        reply, usage = found[0], self._counted(found[1])
        self._ledger.calls.reuse(key, round, ask.question, ask.request.model_dump_json(), reply, usage)
        self._budget.settle(key, usage)
        return True

    def _counted(self, usage: Usage) -> Usage:
        """A usage as it counts at this desk, which buys in batches or does not."""
        return usage.in_a_batch() if self.teacher.batches else usage.by_itself()

    async def _buy_in_batches(self, batches: Batches, round: int, asks: Sequence[Ask]) -> None:
        """Buy one batch after the other: what it leaves unanswered, and what it makes room for, is for the next."""
        bulk = Bulk(batches, self._ledger, self._tries)
        named = {self._key(ask): ask for ask in asks}
        tries: Counter[str] = Counter()
        while True:
            unfinished = self._ledger.batches.unfinished()
            left = {key: ask for key, ask in named.items() if tries[key] < self._tries}
            batch = unfinished[0] if unfinished else self._plan(batches, round, left)
            if batch is None:
                return
            calls = self._ledger.batches.calls(batch)
            requests = {call.key: Request.model_validate_json(call.request) for call in calls}
            tries.update(requests.keys())
            outcomes = await bulk.outcomes(batch, requests)
            self._end(batch, {call.key: call.bound for call in calls}, outcomes)
            for key, ask in named.items():
                if isinstance(reply := outcomes.get(key), Reply):
                    self._look_at(reply, ask)
                elif isinstance(reply, Failed) and tries[key] >= self._tries:
                    self._give_up(key, reply)

    def _plan(self, batches: Batches, round: int, asks: Mapping[str, Ask]) -> Batch | None:
        """A batch of what is not answered yet, as far as the budget admits it and a batch holds; None of nothing."""
        planned: list[Planned] = []
        size = 0
        for key, ask in asks.items():
            if self._ledger.calls.has(key, round):
                continue
            size += len(batches.row(key, ask.request))
            bound = self._counted(self.teacher.bound(ask.request))
            if len(planned) == MOST_ROWS or size > MOST_BYTES or not self._budget.reserve(key, bound):
                break
            if not self._bought_before(key, round, ask):
                planned.append(Planned(key, ask.question, ask.request.model_dump_json(), bound))
        return self._ledger.batches.plan(round, planned) if planned else None

    def _end(self, batch: Batch, bounds: Mapping[str, Usage], outcomes: Mapping[str, Outcome]) -> None:
        """Keep what came of a batch's calls. Raises TeacherError where that shows that there is no use in asking."""
        settled: dict[str, Settled] = {}
        lost: set[str] = set()
        for key, outcome in outcomes.items():
            if isinstance(outcome, Reply):
                settled[key] = Settled(key, outcome.raw, self._counted(outcome.usage), outcome.outcome)
            elif isinstance(outcome, Failed) and outcome.uncertain:
                lost.add(key)
        self._ledger.batches.end(batch, list(settled.values()), lost)
        for key, bound in bounds.items():
            if key in settled:
                self._budget.settle(key, settled[key].usage)
            elif key in lost:
                self._budget.settle(key, bound)
            else:
                self._budget.release(key)
        for key, outcome in outcomes.items():
            if isinstance(outcome, Reply):
                self._store_away(key, outcome)
        for outcome in outcomes.values():
            if isinstance(outcome, TeacherRefuses):
                raise outcome
            if isinstance(outcome, Reply) and outcome.wrong:
                raise TeacherError(f"{outcome.wrong} {HANDS_OFF}")

    async def _call(self, key: str, round: int, ask: Ask, bound: Usage) -> None:
        retry = Retry(self._tries, self._stopped)
        while True:
            try:
                reply = await self._try(ask.request, bound)
            except Failed as error:
                if error.uncertain and not self._asks_anew(key, round, ask, bound):
                    return
                if await retry.again(error):
                    continue
                self._forget(key)
                self._give_up(key, error)
                return
            except TeacherRefuses:
                self._forget(key)
                raise
            break
        self._ledger.calls.settle(key, reply.raw, reply.usage, reply.outcome)
        self._budget.settle(key, reply.usage)
        if reply.wrong:
            raise TeacherError(f"{reply.wrong} {HANDS_OFF}")
        self._store_away(key, reply)
        self._look_at(reply, ask)

    def _store_away(self, key: str, reply: Reply) -> None:
        if self._store and reply.outcome == "answered":
            name = self.teacher.name or str(self.teacher.identity().get("model"))
            self._store.keep(key, name, reply.raw, reply.usage)

    async def _try(self, request: Request, bound: Usage) -> Reply:
        expected = await self._pace.admit(bound.tokens, self._stopped)
        try:
            with self._throttle as filled:
                reply = await self.teacher.ask(request)
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

    def _asks_anew(self, key: str, round: int, ask: Ask, bound: Usage) -> bool:
        """Count a try at its bound that may have been billed; whether the budget has room for another."""
        self._ledger.calls.lose(key)
        self._budget.settle(key, bound)
        if not self._budget.reserve(key, bound):
            return False
        self._ledger.calls.open(key, round, ask.question, ask.request.model_dump_json(), bound)
        return True

    def _give_up(self, key: str, error: Failed) -> None:
        """Say of a call that no try has answered it. Raises TeacherError where most of the last calls went so."""
        if self._stopped.is_set():
            return
        self._failed[key] = f"no answer in {self._tries} tries (the last: {error})"
        if self._unanswered.add(failed=True):
            raise TeacherError(f"most of the last calls came to nothing; the last: {error}. {HANDS_OFF}")

    def _forget(self, key: str) -> None:
        self._ledger.calls.forget(key)
        self._budget.release(key)

    def _look_at(self, reply: Reply, ask: Ask) -> None:
        """Whether replies can be used. Raises TeacherError where most of the last can't: asking on is waste."""
        self._unanswered.add(failed=False)
        said = self.teacher.said(reply.raw)
        why = said.why
        if why is None:
            try:
                ask.read(said.text)
            except Declined:
                pass
            except BadReply as error:
                why = str(error)
        if self._unusable.add(failed=why is not None) and self.teacher.metered:
            raise TeacherError(f"most of the last {LAST} replies can't be used; the last: {why}. {HANDS_OFF}")
