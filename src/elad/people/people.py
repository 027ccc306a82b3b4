"""What people are asked: who has what, what they have written so far, and what they answered.

It lies in `runs/NAME/people.sqlite`, beside the ledger and not in it: whoever serves people, stopped in the middle of a
write, must never keep the run from writing a paid answer. Several processes use it at once. WAL with synchronous=FULL:
what a method returned from is on the disk.

A task is somebody's until an hour has passed without a sign of them; then another may take it. Answers can be taken
back until they are handed in: nothing reads them before.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from elad.errors import InputError
from elad.people.tasks import Claim, Counts, Gone, Stale, Task
from elad.sqlite import Database
from elad.text import whole

FILE = "people.sqlite"
VERSION = 2

_LAPSES = 3600.0
"""Seconds without a sign of a person, after which another may take what they have."""

_SIGNS = 60.0
"""Seconds between the signs of a person that are written while a task is before them."""

_LARGEST = 10**6
"""Characters of a draft or an answer."""

_LONGEST_NAME = 80

_SCHEMA = """
CREATE TABLE tasks (
    place INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, "group" TEXT NOT NULL, about TEXT NOT NULL, form TEXT NOT NULL,
    content TEXT NOT NULL, wanted INTEGER NOT NULL, most_tokens INTEGER
);
CREATE INDEX by_group ON tasks ("group");
CREATE INDEX by_content ON tasks (about);
CREATE TABLE claims (
    key TEXT, person TEXT, draft TEXT NOT NULL, version INTEGER NOT NULL, reply TEXT, seen REAL NOT NULL,
    handed_in INTEGER NOT NULL, PRIMARY KEY (key, person)
) WITHOUT ROWID;
CREATE INDEX undoable ON claims (person, seen) WHERE reply IS NOT NULL AND NOT handed_in
"""

_FREE = """
(SELECT count(*) FROM claims AS another WHERE another.key = tasks.key AND another.person != :person
    AND (another.reply IS NOT NULL OR another.seen > :lapsed)) < tasks.wanted
AND NOT EXISTS (SELECT 1 FROM claims AS mine JOIN tasks AS alike USING (key) WHERE mine.person = :person
    AND mine.reply IS NOT NULL AND alike.about = tasks.about AND alike.key != tasks.key)
"""
"""Whether a task is a person's to answer: no others have it, and they have not answered the same before."""

_TASK = """tasks.key, tasks."group", form, content, wanted, most_tokens"""
_CLAIM = f"{_TASK}, person, draft, version, reply, handed_in"


class People(Database):
    """The open file of a run folder; threads may share it. Raises StorageError where it can't be used.

    `now`: the time, in seconds since 1970.
    """

    schema = _SCHEMA
    version = VERSION

    def __init__(self, folder: Path, *, read_only: bool = False, now: Callable[[], float] = time.time) -> None:
        self._now = now
        super().__init__(folder / FILE, read_only=read_only)

    # -- the run: what is asked, and what was handed in ---------------------------------------------------------------

    def put(self, tasks: Iterable[Task]) -> None:
        """Ask people something. A task that is there stays as it is; more people may be wanted for it."""
        with self.write() as db:
            db.executemany(
                'INSERT INTO tasks (key, "group", about, form, content, wanted, most_tokens) '
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET wanted = max(wanted, excluded.wanted)",
                [(t.key, t.group, t.about, t.form, json.dumps(t.content), t.wanted, t.most_tokens) for t in tasks],
            )

    def withdraw(self, group: str) -> None:
        """Ask nobody anew in a group: what was answered stays, and so does what somebody has."""
        with self.write() as db:
            db.execute(
                "UPDATE tasks SET wanted = (SELECT count(*) FROM claims WHERE claims.key = tasks.key "
                'AND (reply IS NOT NULL OR seen > ?)) WHERE "group" = ?',
                (self._now() - _LAPSES, group),
            )
            db.execute("DELETE FROM tasks WHERE wanted = 0")

    def handed_in(self, key: str) -> str | None:
        """The reply to a task, once it is handed in; the first, where several people answered."""
        sql = "SELECT reply FROM claims WHERE key = ? AND handed_in ORDER BY seen LIMIT 1"
        return next((reply for (reply,) in self._read(sql, key)), None)

    def tasks(self, group: str) -> list[Task]:
        """The tasks of a group, in the order in which they were put."""
        return [_task(row) for row in self._read(f'SELECT {_TASK} FROM tasks WHERE "group" = ? ORDER BY place', group)]

    # -- the people ---------------------------------------------------------------------------------------------------

    def claim(self, person: str, group: str | None = None) -> Claim | None:
        """The task that a person has, or else the next that is open to them, of a group or of any; None without one.

        What they gave back comes last. Nobody else gets it as long as there are signs of them.
        """
        if not person.strip() or len(person) > _LONGEST_NAME or not person.isprintable():
            raise InputError(f"A name has 1 to {_LONGEST_NAME} characters that can be seen; {person!r} is none.")
        with self.write() as db:
            found = db.execute(
                "SELECT tasks.key FROM tasks LEFT JOIN claims AS own ON own.key = tasks.key AND own.person = :person "
                f'WHERE (:group IS NULL OR "group" = :group) AND own.reply IS NULL AND {_FREE} '
                "ORDER BY coalesce(own.seen, 1) DESC, place LIMIT 1",
                {"person": person, "group": group, "lapsed": self._now() - _LAPSES},
            ).fetchone()
            if found is None:
                return None
            new = "INSERT INTO claims VALUES (?, ?, '{}', 0, NULL, ?, FALSE) ON CONFLICT DO NOTHING"
            db.execute(new, (found[0], person, self._now()))
            return self._own(db, person, found[0])

    def claimed(self, person: str, key: str) -> Claim:
        """A task that a person has or has answered, with a sign of them. Raises InputError where it is not theirs."""
        with self.write() as db:
            return self._own(db, person, key)

    def look(self, person: str, key: str) -> None:
        """A sign of a person who has a task before them. Raises InputError where it is not theirs (any more)."""
        signs = self._read("SELECT seen FROM claims WHERE key = ? AND person = ?", key, person)
        if not signs or signs[0][0] <= self._now() - _SIGNS:
            self.claimed(person, key)

    def keep_draft(self, person: str, key: str, draft: Mapping[str, Any], version: int) -> int:
        """Keep what a person has written so far over the version that they saw; returns the new version.

        Raises Stale where there is a newer one, InputError where the task is not theirs (any more) or is answered.
        """
        with self.write() as db:
            self._unanswered(db, person, key, version)
            return self._change(db, person, key, version, "draft", _kept(json.dumps(draft)))

    def answer(self, person: str, key: str, reply: str, version: int) -> int:
        """Keep a person's answer beside their draft; returns the new version. Raises as `keep_draft` does."""
        with self.write() as db:
            self._unanswered(db, person, key, version)
            return self._change(db, person, key, version, "reply", _kept(reply))

    def undo(self, person: str, key: str) -> Claim:
        """Take an answer back; the draft is there still. Raises InputError where there is none or it is handed in."""
        with self.write() as db:
            claim = self._own(db, person, key)
            if claim.handed_in:
                raise InputError("This answer is handed in: it can't be taken back any more.")
            if claim.reply is None:
                raise InputError("There is no answer to take back.")
            self._change(db, person, key, claim.version, "reply", None)
            return self._own(db, person, key)

    def release(self, person: str, key: str) -> None:
        """Give a task back for others to take; the draft stays. Raises InputError as `keep_draft` does."""
        with self.write() as db:
            self._unanswered(db, person, key)
            db.execute("UPDATE claims SET seen = 0 WHERE key = ? AND person = ?", (key, person))

    def answered(self, group: str | None = None) -> list[Claim]:
        """What was answered, in a group or in all: the first answer first."""
        sql = (
            f"SELECT {_CLAIM} FROM claims JOIN tasks USING (key) WHERE reply IS NOT NULL "
            'AND (?1 IS NULL OR "group" = ?1) ORDER BY seen, place, person'
        )
        return [_claim(row) for row in self._read(sql, group)]

    def undoable(self, person: str, most: int) -> list[Claim]:
        """What a person can take back, so many answers at most: the last first."""
        sql = (
            f"SELECT {_CLAIM} FROM claims JOIN tasks USING (key) WHERE reply IS NOT NULL AND NOT handed_in "
            "AND person = ? ORDER BY seen DESC, place DESC LIMIT ?"
        )
        return [_claim(row) for row in self._read(sql, person, most)]

    def hand_in(self, group: str) -> int:
        """Hand in all answers of a group that are not; returns how many. Raises InputError where some are lacking."""
        with self.write() as db:
            tasks, lacking = db.execute(
                "SELECT count(*), sum((SELECT count(reply) FROM claims WHERE claims.key = tasks.key) < wanted) "
                'FROM tasks WHERE "group" = ?',
                (group,),
            ).fetchone()
            if not tasks:
                raise InputError(f"Nobody was asked anything in {group!r}.")
            if lacking:
                raise InputError(f"{lacking} of {tasks} tasks of {group!r} are not answered yet.")
            return db.execute(
                "UPDATE claims SET handed_in = TRUE WHERE reply IS NOT NULL AND NOT handed_in "
                'AND key IN (SELECT key FROM tasks WHERE "group" = ?)',
                (group,),
            ).rowcount

    def groups(self) -> dict[str, Counts]:
        """How every group stands, in the order in which they came."""
        wanted = self._read(
            """SELECT "group", sum(wanted), max(form != 'judge') FROM tasks GROUP BY "group" ORDER BY min(place)"""
        )
        rows = self._read(
            'SELECT "group", person, sum(reply IS NULL AND seen > ?), count(reply), sum(handed_in) '
            'FROM claims JOIN tasks USING (key) GROUP BY "group", person ORDER BY person',
            self._now() - _LAPSES,
        )
        told = {}
        for group, total, awaited in wanted:
            of = [row[1:] for row in rows if row[0] == group]
            held, answered, handed_in = (sum(row[column] for row in of) for column in (1, 2, 3))
            people = {row[0]: row[2] for row in of if row[2]}
            told[group] = Counts(
                wanted=total, held=held, answered=answered, handed_in=handed_in, awaited=awaited, people=people
            )
        return told

    # -- below the surface --------------------------------------------------------------------------------------------

    def _own(self, db: sqlite3.Connection, person: str, key: str) -> Claim:
        """A person's claim, with a sign of them just now; of what is answered, the time of the answer stays."""
        of = {"person": person, "key": key, "now": self._now(), "lapsed": self._now() - _LAPSES}
        mine = "key = :key AND person = :person"
        db.execute(f"UPDATE claims SET seen = :now WHERE {mine} AND reply IS NULL", of)
        row = db.execute(f"SELECT {_CLAIM}, {_FREE} FROM claims JOIN tasks USING (key) WHERE {mine}", of).fetchone()
        if row is None:
            raise Gone(f"{person} was not given this task.")
        if not row[-1]:
            raise Gone("Somebody else has this task by now, or you have answered the same before.")
        return _claim(row[:-1])

    def _unanswered(self, db: sqlite3.Connection, person: str, key: str, version: int | None = None) -> None:
        claim = self._own(db, person, key)
        if version not in (None, claim.version):
            raise Stale(claim)
        if claim.reply is not None:
            raise Gone("This is answered; to change it, take the answer back first.")

    @staticmethod
    def _change(db: sqlite3.Connection, person: str, key: str, version: int, what: str, value: str | None) -> int:
        sql = f"UPDATE claims SET {what} = ?, version = ? WHERE key = ? AND person = ?"
        db.execute(sql, (value, version + 1, key, person))
        return version + 1

    def _read(self, sql: str, *values: object) -> list[Any]:
        with self._told(), self._writing:
            return self._db.execute(sql, values).fetchall()


def _kept(text: str) -> str:
    if len(text) > _LARGEST:
        raise InputError(f"That is too long: {_LARGEST:,} characters are the most that is kept.")
    if text != whole(text):
        raise InputError("There are halves of characters in it, which nothing can keep.")
    return text


def _task(row: Iterable[Any]) -> Task:
    key, group, form, content, wanted, most_tokens = row
    return Task(key=key, group=group, form=form, content=json.loads(content), wanted=wanted, most_tokens=most_tokens)


def _claim(row: tuple[Any, ...]) -> Claim:
    person, draft, version, reply, handed_in = row[6:]
    return Claim(
        task=_task(row[:6]), person=person, draft=json.loads(draft), version=version, reply=reply, handed_in=handed_in
    )
