"""The answers that were paid for on this machine, whichever run asked: what is asked again is not bought again.

One SQLite file, `~/.local/share/elad/answers.sqlite` (or where XDG_DATA_HOME says), for the user alone. The variable
ELAD_ANSWERS names another file, or turns it off: `ELAD_ANSWERS=off`. Every run has its answers in its own ledger too,
so that nothing is lost with this file. Answers never expire; refusals and replies that were cut off are not here.
"""

import os
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from elad.budget import Usage
from elad.errors import StorageError
from elad.progress import say
from elad.sqlite import connected

_AT_ONCE = 100
"""Answers that are written by one statement."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, teacher TEXT NOT NULL, reply TEXT NOT NULL, usage TEXT NOT NULL, day TEXT NOT NULL
) WITHOUT ROWID
"""


class Shelf(NamedTuple):
    """The answers of one teacher: how many, their bytes, what they cost, and the days of the first and the last."""

    teacher: str
    answers: int
    size: int
    usage: Usage
    first: str
    last: str


def place() -> Path | None:
    """Where the answers lie; None where they are turned off."""
    told = os.environ.get("ELAD_ANSWERS", "")
    if told.casefold() == "off":
        return None
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path(told).expanduser() if told else data / "elad" / "answers.sqlite"


class Store:
    """The file of answers, opened when it is first needed. A run goes on without it where it can't be used."""

    def __init__(self) -> None:
        self._place = place()
        self._db: sqlite3.Connection | None = None

    def find(self, key: str) -> tuple[str, Usage] | None:
        """The raw reply to a call, and what it cost, if it was ever answered."""
        rows = self._tried("SELECT reply, usage FROM answers WHERE key = ?", key)
        try:
            return (rows[0][0], Usage.model_validate_json(rows[0][1])) if rows else None
        except ValidationError:  # somebody else has written there
            return None

    def keep(self, teacher: str, answers: Iterable[tuple[str, str, Usage]]) -> None:
        """Keep a teacher's answers (key, raw reply, what it cost); the first of a key stays."""
        day, left = f"{datetime.now(UTC):%Y-%m-%d}", iter(answers)
        while some := list(islice(left, _AT_ONCE)):
            rows = [(key, teacher, reply, usage.as_json(), day) for key, reply, usage in some]
            marks = ", ".join("(?, ?, ?, ?, ?)" for _ in rows)
            self._tried(f"INSERT OR IGNORE INTO answers VALUES {marks}", *(value for row in rows for value in row))

    def shelves(self) -> list[Shelf]:
        """What there is, teacher by teacher. Raises StorageError."""
        sql = "SELECT teacher, count(*), sum(length(reply)), min(day), max(day) FROM answers GROUP BY teacher"
        shelves = []
        for teacher, answers, size, first, last in self._sure(sql):
            usages = self._sure("SELECT usage FROM answers WHERE teacher = ?", teacher)
            try:
                total = sum((Usage.model_validate_json(row[0]) for row in usages), Usage())
            except ValidationError as error:
                raise StorageError(f"{self._place} holds what no run has written: restore or delete it.") from error
            shelves.append(Shelf(teacher, answers, size, total, first, last))
        return shelves

    def prune(self, teacher: str | None, older_than: int | None) -> int:
        """Throw away the answers of a teacher, or those older than so many days, or both; returns how many.

        Raises StorageError.
        """
        before = f"{datetime.now(UTC) - timedelta(days=older_than):%Y-%m-%d}" if older_than is not None else None
        sql = "DELETE FROM answers WHERE (?1 IS NULL OR teacher = ?1) AND (?2 IS NULL OR day < ?2) RETURNING key"
        count = len(self._sure(sql, teacher, before))
        self._sure("VACUUM")
        return count

    def _sure(self, sql: str, *values: object) -> list[Any]:
        try:
            return self._opened().execute(sql, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"{self._place} can't be used as a store of answers ({error}).") from error

    def _tried(self, sql: str, *values: object) -> list[Any]:
        if self._place is None:
            return []
        try:
            return self._sure(sql, *values)
        except StorageError as error:
            say(f"  answers of other runs are left alone: {error}")
            self._place = None
            return []

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            assert self._place, "turned off"
            self._place.parent.mkdir(parents=True, exist_ok=True)
            self._place.touch(mode=0o600)
            self._db = connected(self._place, synchronous="NORMAL")  # the ledger's copy is on the disk already
            self._db.execute(_SCHEMA)
        return self._db

    def close(self) -> None:
        """Close the file."""
        if self._db:
            self._db.close()
            self._db = None
