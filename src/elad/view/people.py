"""The queue of people who teach or review, in the browser: the one part of a view that writes, into `people.sqlite`."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from elad.errors import EladError, InputError
from elad.people import FILE, Claim, Gone, People, Stale
from elad.records import Record
from elad.teacher.human import checked

Told = dict[str, Any]

_MINE = 20
"""Answers of theirs that people can go back to."""


class _Said(Record):
    """What a page sends: who, about which task or group, and what they wrote over which version."""

    person: str = ""
    key: str = ""
    group: str | None = None
    draft: Mapping[str, str] = {}
    reply: Mapping[str, Any] = {}
    version: int = 0


class Queue:
    """What the pages of a run's people ask for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._people: People | None = None
        self._identity = (0, 0)
        self._one_at_a_time = threading.Lock()

    @property
    def exists(self) -> bool:
        """Whether people were ever asked anything."""
        return (self._folder / FILE).exists()

    async def act(self, request: web.Request) -> web.Response:
        """Do what a page asks. What is wrong is answered with a sentence, and with a newer draft where there is one."""
        act = _ACTS.get(request.match_info["act"])
        if act is None:
            raise web.HTTPNotFound(text="People can't do this.\n")
        try:
            said = _Said.model_validate_json(await request.read())
            return web.json_response(await asyncio.to_thread(self._done, act, said))
        except ValidationError:
            return web.json_response({"error": "The page sent something else than was expected."}, status=400)
        except web.HTTPRequestEntityTooLarge:
            return web.json_response({"error": "That is too long to be kept."}, status=413)
        except Stale as error:
            newer = {"draft": dict(error.draft), "version": error.version}
            return web.json_response({"error": str(error), **newer}, status=409)
        except EladError as error:
            return web.json_response({"error": str(error)}, status=410 if isinstance(error, Gone) else 400)

    def _done(self, act: Callable[[People, _Said], Told], said: _Said) -> Told:
        if not self.exists:
            raise InputError("Nobody is asked anything in this run.")
        people = self._opened()
        return {**act(people, said), "standing": _standing(people, said.person)}

    def _opened(self) -> People:
        """The file, opened once; anew where another has taken its place."""
        with self._one_at_a_time:
            stat = (self._folder / FILE).stat()
            identity = (stat.st_dev, stat.st_ino)
            if self._people is None or self._identity != identity:
                self.close()
                self._people, self._identity = People(self._folder), identity
            return self._people

    def close(self) -> None:
        """Let the file go."""
        if self._people:
            self._people.close()


def _claim(people: People, said: _Said) -> Told:
    claim = people.claimed(said.person, said.key) if said.key else people.claim(said.person, said.group)
    return {"claim": claim and _told(claim)}


def _draft(people: People, said: _Said) -> Told:
    return {"version": people.keep_draft(said.person, said.key, said.draft, said.version)}


def _answer(people: People, said: _Said) -> Told:
    task = people.claimed(said.person, said.key).task
    return {"version": people.answer(said.person, said.key, checked(task, said.reply), said.version)}


def _undo(people: People, said: _Said) -> Told:
    return {"claim": _told(people.undo(said.person, said.key))}


def _release(people: People, said: _Said) -> Told:
    people.release(said.person, said.key)
    return {}


def _hand_in(people: People, said: _Said) -> Told:
    return {"handed_in": people.hand_in(said.group or "")}


def _look(people: People, said: _Said) -> Told:
    if said.key:
        people.look(said.person, said.key)
    return {}


_ACTS: dict[str, Callable[[People, _Said], Told]] = {
    "claim": _claim,
    "draft": _draft,
    "answer": _answer,
    "undo": _undo,
    "release": _release,
    "hand-in": _hand_in,
    "look": _look,
}


def _told(claim: Claim) -> Told:
    task = claim.task
    return {
        "key": task.key,
        "group": task.group,
        "form": task.form,
        "content": dict(task.content),
        "draft": dict(claim.draft),
        "version": claim.version,
    }


def _standing(people: People, person: str) -> Told:
    """How the groups stand, whether they are `complete` and can be handed in, and what this person can take back."""
    return {
        "groups": {
            name: {**counts.model_dump(), "complete": counts.awaited and counts.answered >= counts.wanted}
            for name, counts in people.groups().items()
        },
        "mine": [
            {
                "key": claim.task.key,
                "group": claim.task.group,
                "question": str(claim.task.content.get("question"))[:200],
            }
            for claim in people.undoable(person, _MINE)
        ],
    }
