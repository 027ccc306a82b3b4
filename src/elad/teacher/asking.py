"""What is asked about questions, and what is answered, whoever answers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

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


class Answerer(ABC):
    """Who brings a teacher's answers."""

    def __init__(self, teacher: Teacher) -> None:
        self.teacher = teacher
        self.max_output_tokens = teacher.max_output_tokens

    @abstractmethod
    def ask(self, round: int, asks: Sequence[Ask]) -> list[Answer]:
        """What was said to each request of a round, in their order."""
