"""What people are asked, what they have of it, and how it stands."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from elad.errors import InputError
from elad.records import Explanation, Record
from elad.text import digest


class Task(Record):
    """Something that people are asked.

    `group`: what is handed in together. `form`: `revise` (steps are shown: accept them, or name the first flaw and
    write on from there), `rationale` (write steps and an answer) or `judge` (name the first flaw, if there is one).
    `content`: what is shown: question, choices?, steps?, answer?, problem?. `wanted`: how many people are to answer.
    `most_tokens`: how long an answer may be, where there is a limit.
    """

    key: str
    group: str
    form: Literal["revise", "rationale", "judge"]
    content: Mapping[str, Any]
    wanted: int = Field(1, gt=0)
    most_tokens: int | None = None

    @property
    def about(self) -> str:
        """The same for tasks that show the same; nobody answers two of them, so that votes are independent."""
        return digest(json.dumps(self.content, sort_keys=True))

    @property
    def explanation(self) -> Explanation:
        """The explanation that is shown; one without steps and answer where none is."""
        return Explanation(steps=tuple(self.content.get("steps", ())), answer=self.content.get("answer"))


class Claim(Record):
    """A task that a person has, or has answered (`reply`).

    `draft`: what they have written so far, as they keep it. `version`: one more with every change.
    """

    task: Task
    person: str
    draft: Mapping[str, Any]
    version: int
    reply: str | None
    handed_in: bool


class Counts(Record):
    """How a group stands: how many answers are `wanted`, being written (`held`), `answered`, and `handed_in` of these.

    `awaited`: whether a run waits for it to be handed in; a review counts as it is. `people`: how many each answered.
    """

    wanted: int
    held: int
    answered: int
    handed_in: int
    awaited: bool
    people: dict[str, int]


class Stale(InputError):
    """A change that came too late: there is a newer `draft`, of this `version`, from another window."""

    def __init__(self, claim: Claim) -> None:
        super().__init__("This was changed in another window in the meantime.")
        self.draft = claim.draft
        self.version = claim.version


class Gone(InputError):
    """The task is not this person's to answer, or no longer."""
