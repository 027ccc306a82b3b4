"""Where the teacher is asked and paid: budget, then ledger, then call, then ledger again; parsers come after.

The order of requests decides which of them the budget still admits, not the order in which answers arrive.
"""

import json
from collections.abc import Mapping, Sequence

from elad.budget import Caps, Price, Usage
from elad.ledger import Ledger
from elad.teacher.asking import Answer, Answerer, Ask
from elad.teacher.bulk import Bulk
from elad.teacher.singly import Singly
from elad.teacher.teacher import Teacher
from elad.teacher.till import Till
from elad.teacher.waiting import run_to_end

_LEARNT = "how the teacher is asked"


class Desk(Answerer):
    """Asks one teacher on behalf of one run, call by call or in batches."""

    def __init__(self, teacher: Teacher, ledger: Ledger, caps: Caps, price: Price | None = None) -> None:
        super().__init__(teacher)
        self._ledger = ledger
        self._till = till = Till(teacher, ledger, caps, price)
        self._bulk = Bulk(teacher.batches, till) if teacher.batches else None
        self._singly = Singly(teacher, till)
        teacher.recall(json.loads(ledger.fact(_LEARNT) or "{}"))

    def has_room(self, round: int) -> bool:
        """Whether, after a round, the caps had room for the smallest call that there can be."""
        return self._till.has_room(round)

    def ask(self, round: int, asks: Sequence[Ask]) -> list[Answer]:
        """What was said to each request, in their order.

        What was answered before, in whichever round or run, is not asked again. Raises TeacherError when the teacher
        can't be asked, StorageError when an answer could not be kept; what had arrived is kept in either case.
        """
        keys = [self._till.key(ask) for ask in asks]
        named = dict(zip(keys, asks, strict=True))
        if self._ledger.calls.missing(keys, round) or (self._bulk and self._bulk.unfinished):
            run_to_end(self._in_session(round, named))
        return [Answer(key, self._till.said(key)) for key in keys]

    def counted(self, usage: Usage) -> Usage:
        """A usage as it counts in this run, which buys in batches or does not."""
        return self._till.counted(usage)

    def close(self) -> None:
        """Let go of what it holds open."""
        self._till.close()

    async def _in_session(self, round: int, named: Mapping[str, Ask]) -> None:
        self._ledger.clock.round = round
        try:
            async with self.teacher.session(self._ledger.folder, round):
                if self._bulk:
                    await self._bulk.finish()
                wanted = {key: named[key] for key in self._ledger.calls.missing(named, round)}
                way = self._bulk if self._bulk and self.teacher.in_batches else self._singly
                await way.buy(round, wanted)
        finally:
            learnt = json.dumps(self.teacher.learnt)
            if learnt != (self._ledger.fact(_LEARNT) or "{}"):
                self._ledger.state_fact(_LEARNT, learnt)
