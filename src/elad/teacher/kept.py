"""What is asked of a teacher and what it answered: as it is wanted, and as it lies in a ledger."""

import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from elad.ledger import Ledger
from elad.teacher.messages import Request
from elad.teacher.teacher import Said, Teacher


class Ask(NamedTuple):
    """A request about a question, and what will read the reply: it raises BadReply where it can't."""

    question: str
    request: Request
    read: Callable[[str], object]


class Answer(NamedTuple):
    """A call, and what was said to it; None where nothing was, as the budget had no room for it."""

    call: str
    said: Said | None


class Kept:
    """A teacher that answers from a ledger alone: what it said before, and nothing else."""

    def __init__(self, teacher: Teacher, ledger: Ledger) -> None:
        self.teacher = teacher
        self.max_output_tokens = teacher.max_output_tokens
        self._ledger = ledger

    def ask(self, round: int, asks: Sequence[Ask]) -> list[Answer]:
        """What was said to each request in its round, in their order: to the same words, whatever else was sent."""
        return [self._found(round, ask) for ask in asks]

    def _found(self, round: int, ask: Ask) -> Answer:
        wanted = json.loads(ask.request.model_dump_json(include={"messages", "sample"}))
        for call in self._ledger.calls.about(ask.question, round):
            if call.reply is not None and wanted.items() <= json.loads(call.request).items():
                return Answer(call.key, self.teacher.said(call.reply))
        return Answer("", None)
