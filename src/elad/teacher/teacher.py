"""The teacher's narrow door: one asynchronous method, `ask`."""

from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from pydantic import Field

from elad import text
from elad.budget import Price, Usage
from elad.records import Part, Record
from elad.teacher.messages import Request


class Reply(Record):
    """What came back: the raw text, and what it cost."""

    text: str
    usage: Usage


class Teacher(Part):
    """Whoever answers for pay.

    `name`: what reports and the student's card call it. `price`: what its tokens cost; needed when the budget caps
    money. `max_output_tokens`: the longest reply that is asked for, and so the bound on what a call may cost.
    `concurrency`: how many calls are under way at a time.
    """

    name: str | None = None
    price: Price | None = None
    max_output_tokens: int = Field(512, gt=0)
    concurrency: int = Field(8, gt=0)

    metered: ClassVar[bool] = False
    """Whether somebody else's meter runs, so that a call which was cut off may have been billed."""

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """What holds while it is asked: connections, where there are any."""
        yield

    def stop(self) -> None:
        """No call is to be tried again: what is on its way is waited for, and that is all."""

    @abstractmethod
    async def ask(self, request: Request) -> Reply:
        """Answer one request. Raises TeacherError when the teacher can't be asked at all."""

    @property
    def at_a_time(self) -> int:
        """How many calls may be under way now."""
        return self.concurrency

    def identity(self) -> dict[str, Any]:
        """What makes two teachers give different answers; part of every call's key."""
        return self.model_dump(mode="json", exclude={"name", "price", "max_output_tokens", "concurrency"})

    def bound(self, request: Request) -> Usage:
        """The most that a request can cost."""
        asked = sum(text.count_tokens(message.content) for message in request.messages)
        return Usage(calls=1, input_tokens=asked, output_tokens=request.max_output_tokens)


def counted_reply(request: Request, reply: str) -> Reply:
    """A reply with the tokens that an LLM would have been paid for, cut off where the request's cap falls."""
    reply = text.first_tokens(reply, request.max_output_tokens)
    asked = sum(text.count_tokens(message.content) for message in request.messages)
    usage = Usage(calls=1, input_tokens=asked, output_tokens=text.count_tokens(reply))
    return Reply(text=reply, usage=usage)
