"""The teacher's narrow door: one asynchronous method, `ask`."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import Field

from elad import text
from elad.budget import Price, Usage
from elad.records import Part, Record
from elad.teacher.messages import Request

if TYPE_CHECKING:
    from elad.teacher.batches import BatchApi


HANDS_OFF = "Nothing that was answered is lost: mend that, and the same command goes on."
"""What to do where the teacher can't be asked."""


class Reply(Record):
    """What came back: raw, as it will be kept, and what it cost.

    `outcome`: whether it is an answer, or one that was cut off or declined. `hold`: seconds in which the teacher
    wants no other call. `wrong`: why nothing more is to be asked, where the reply shows that.
    """

    raw: str
    usage: Usage
    outcome: Literal["answered", "truncated", "refused"] = "answered"
    hold: float = 0.0
    wrong: str | None = None


class Said(NamedTuple):
    """What a raw reply says: its text, and why there is none, or not all of it."""

    text: str
    outcome: Literal["answered", "truncated", "refused", "failed"] = "answered"
    why: str | None = None


class Traffic(NamedTuple):
    """How a teacher may be asked: calls at a time, tries of each, and what a minute may take of both."""

    concurrency: int
    tries: int = 1
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class Teacher(Part):
    """Whoever answers for pay.

    `name`: what reports and the student's card call it. `price`: what its tokens cost; without one, a price list is
    asked, and a budget that caps money needs one of both. `max_output_tokens`: the longest reply that is asked for,
    and so the bound on what a call may cost. `concurrency`: how many calls are under way at a time.
    """

    name: str | None = None
    price: Price | None = None
    max_output_tokens: int = Field(512, gt=0)
    concurrency: int = Field(8, gt=0)

    metered: ClassVar[bool] = False
    """Whether somebody else's meter runs, so that a call which was cut off may have been billed."""

    can_answer: ClassVar[bool] = True
    """Whether it can be asked at all."""

    stored: ClassVar[bool] = False
    """Whether its answers are worth keeping for other runs on this machine."""

    converses: ClassVar[bool] = True
    """Whether it can be asked step by step."""

    @property
    def judges_steps(self) -> bool:
        """Whether what it says of an explanation is said of its steps, and not of its answer alone."""
        return True

    keeps: ClassVar[bool] = False
    """Whether it keeps what it answers by itself, so that nothing is lost when nobody waits for it."""

    @asynccontextmanager
    async def session(self, folder: Path, round: int) -> AsyncIterator[None]:
        """What holds while it is asked in a round of the run in a folder: connections, where there are any."""
        yield

    @abstractmethod
    async def ask(self, request: Request) -> Reply:
        """Try once to answer a request.

        Raises Failed where another try may help, TeacherRefuses where none does and nothing was billed, and
        TeacherError where it can't be asked at all.
        """

    def said(self, raw: str) -> Said:
        """What a raw reply says; pure, so that what was kept can be read again."""
        return Said(raw)

    @property
    def traffic(self) -> Traffic:
        """How it may be asked."""
        return Traffic(self.concurrency)

    @property
    def in_batches(self) -> bool:
        """Whether it is to be asked in batches."""
        return False

    @property
    def batches(self) -> "BatchApi | None":
        """How it is asked in batches, where it can be."""
        return None

    @property
    def learnt(self) -> dict[str, str]:
        """What asking has shown of how it wants to be asked."""
        return {}

    def recall(self, learnt: Mapping[str, str]) -> None:
        """Take what was learnt before as known."""

    def listed_price(self) -> tuple[Price, str] | None:
        """What a price list says that it costs, and which list that is."""
        return None

    def identity(self) -> dict[str, Any]:
        """What makes two teachers give different answers; part of every call's key."""
        return self.model_dump(mode="json", exclude={"name", "price", "max_output_tokens", "concurrency"})

    def reckoned(self, request: Request) -> int:
        """How many tokens a request is likely to have."""
        return sum(text.count_tokens(message.content) for message in request.messages)

    def bound(self, request: Request) -> Usage:
        """The most that a request can cost: every token in the dearest class that it may be of."""
        return dearest(self.reckoned(request), request)


def dearest(asked: int, request: Request) -> Usage:
    """So many tokens of input and the longest reply, in their dearest classes."""
    most = request.max_output_tokens
    return Usage(calls=1, input_tokens=asked, written_tokens=asked, output_tokens=most, reasoning_tokens=most)


def counted_reply(request: Request, reply: str) -> Reply:
    """A reply with the tokens that an LLM would have been paid for, cut off where the request's cap falls."""
    reply = text.first_tokens(reply, request.max_output_tokens)
    asked = sum(text.count_tokens(message.content) for message in request.messages)
    usage = Usage(calls=1, input_tokens=asked, output_tokens=text.count_tokens(reply))
    return Reply(raw=reply, usage=usage)
