"""The teacher that is people: what they are asked waits in `people.sqlite` until it is answered and handed in.

Their answers lie there whatever becomes of the run: it finds them by the keys of its calls when it goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from elad.errors import InputError
from elad.people import People, Task
from elad.progress import say
from elad.teacher.messages import Request, as_text
from elad.teacher.replies import BadReply, Declined, read_rationale, read_revision, read_verdict
from elad.teacher.teacher import Reply, Teacher, counted_reply
from elad.text import count_tokens, whole

_LOOKS_EVERY = 0.3
"""Seconds between two looks whether an answer was handed in."""


class Human(Teacher):
    """People, who answer in the browser and in their own time: `elad view RUNFOLDER` shows them what waits.

    A round's questions wait together, as far as the budget has room for the most that they may cost: best cap its
    `calls`. Answers cost the tokens that an LLM would have been paid for. The run reads them once they are handed in.
    `concurrency`: how many questions wait at a time at most.
    """

    kind: Literal["human"] = "human"
    concurrency: int = Field(1000, gt=0)

    converses: ClassVar[bool] = False
    keeps: ClassVar[bool] = True

    _people: People = PrivateAttr()
    _folder: Path = PrivateAttr()
    _group: str = PrivateAttr()
    _came: int = PrivateAttr(0)

    @asynccontextmanager
    async def session(self, folder: Path, round: int) -> AsyncIterator[None]:
        """The file in which people are asked."""
        self._folder, self._group = folder, f"round {round}"
        with People(folder) as self._people:
            yield

    async def ask(self, request: Request) -> Reply:
        """Put the question, unless it was put before, and wait until the answer is handed in."""
        key = request.key(self.identity())
        if self._people.handed_in(key) is None:
            self._people.put([_task(key, self._group, request)])
            await self._tell()
        while (reply := self._people.handed_in(key)) is None:
            await asyncio.sleep(_LOOKS_EVERY)
        return counted_reply(request, reply)

    async def _tell(self) -> None:
        """Say how many questions wait, once no more of them come."""
        self._came = place = self._came + 1
        await asyncio.sleep(_LOOKS_EVERY)
        if place < self._came:
            return
        counts = self._people.groups()[self._group]
        if waiting := counts.wanted - counts.handed_in:
            say(f"  {waiting} questions wait for people: elad view {self._folder} shows them")


def _task(key: str, group: str, request: Request) -> Task:
    content = request.said()
    if "steps" in content:
        content["steps"] = list(content["steps"].values())
    form: Literal["revise", "rationale"] = "revise" if request.shows_explanation else "rationale"
    return Task(key=key, group=group, form=form, content=content, most_tokens=request.max_output_tokens)


def checked(task: Task, reply: Mapping[str, Any]) -> str:
    """A person's reply as it is kept, once it is sure that it can be read.

    It has the form of an LLM's: `{"flaw": 2, "why": "...", "steps": [...], "answer": "..."}`, `{"flaw": null}`,
    `{"steps": [...], "answer": "..."}`, or `{"unusable": "why"}` of a question that can't be answered. Raises
    InputError, with a sentence for the person.
    """
    raw = whole(as_text(reply))
    if task.most_tokens is not None and count_tokens(raw) > task.most_tokens:
        raise InputError(f"This answer is too long: it has {count_tokens(raw)} tokens of at most {task.most_tokens}.")
    try:
        if task.form == "judge":
            read_verdict(raw, task.explanation)
        elif task.form == "revise":
            read_revision(raw, task.explanation)
        else:
            read_rationale(raw)
    except Declined as error:
        if task.form == "judge":
            raise InputError("Say whether this explanation holds, or where its first flaw is.") from error
    except BadReply as error:
        raise InputError(f"This answer can't be used: {error}.") from error
    return raw
