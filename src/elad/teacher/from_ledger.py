"""A teacher's answers from a ledger alone: what it said before, and nobody is asked."""

import json
from collections.abc import Sequence

from elad.ledger import Ledger
from elad.teacher.asking import Answer, Answerer, Ask
from elad.teacher.teacher import Teacher


class FromLedger(Answerer):
    """Brings what was said to the same words in the same round, whatever else was sent with them."""

    def __init__(self, teacher: Teacher, ledger: Ledger) -> None:
        super().__init__(teacher)
        self._calls = ledger.calls

    def ask(self, round: int, asks: Sequence[Ask]) -> list[Answer]:
        """What was said; nothing to what was not asked then."""
        return [self._found(round, ask) for ask in asks]

    def _found(self, round: int, ask: Ask) -> Answer:
        wanted = json.loads(ask.request.model_dump_json(include={"messages", "sample"}))
        for call in self._calls.about(ask.question, round):
            if call.reply is not None and wanted.items() <= json.loads(call.request).items():
                return Answer(call.key, self.teacher.said(call.reply))
        return Answer("", None)
