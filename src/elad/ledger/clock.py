"""The clock of a run: how long it worked at what, and how far what is under way has come.

Times differ from run to run, so nothing that decides a run's course reads them.
"""

import sqlite3
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from elad.errors import EladError
from elad.records import Record

if TYPE_CHECKING:
    from elad.ledger.ledger import Ledger

_WRITTEN_EVERY, _WAITED_FOR = 1.0, 10.0
"""Seconds between two writes, and where nothing was done in between: what a kill costs of the time that is told."""


class Spell(Record):
    """Work of one kind in a round: the `seconds` spent on it, resumed ones included, and how much of it is `done`.

    `pace`: how many a second in the last stretch, 0 where that is not known; `heard`: when it was last heard of, in
    seconds since 1970.
    """

    round: int
    work: str
    seconds: float
    done: int
    total: int
    pace: float
    heard: float

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take at the last pace; None where that is not known."""
        return (self.total - self.done) / self.pace if self.pace else None


class _Unwritten:
    """What was heard of one work and is not kept yet: seconds, how much was done in them, and how far that is."""

    def __init__(self) -> None:
        self.seconds, self.advance, self.done, self.total = 0.0, 0, 0, 0


class Clock:
    """The clock of an open ledger. `round`: to which the work of this thread belongs."""

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger
        self._here = threading.local()
        self._heard: dict[tuple[int, str], _Unwritten] = {}
        self._known: set[tuple[int, str]] = set()
        self._one_at_a_time = threading.Lock()
        self._written = time.monotonic()

    @property
    def round(self) -> int:
        """The round that this thread works for."""
        return getattr(self._here, "round", 0)

    @round.setter
    def round(self, number: int) -> None:
        self._here.round = number

    def heard(self, work: str, done: int, total: int, advance: int, seconds: float) -> None:
        """So much more was done in so many seconds. Kept every second, and with the next trace."""
        with self._one_at_a_time:
            heard = self._heard.setdefault((self.round, work), _Unwritten())
            heard.seconds += seconds
            heard.advance += advance
            heard.done, heard.total = done, total
            news = heard.advance or (self.round, work) not in self._known
            due = time.monotonic() - self._written > (_WRITTEN_EVERY if news else _WAITED_FOR)
        if due:
            # a time that can't be kept must not cost the work that it is of
            with suppress(EladError), self._ledger.write() as db:
                self.write(db)

    def write(self, db: sqlite3.Connection) -> None:
        """Keep what was heard. Where the transaction fails, those seconds are lost."""
        with self._one_at_a_time:
            heard, self._heard, self._written = self._heard, {}, time.monotonic()
            self._known |= {*heard}
        rows = [
            (*key, one.seconds, one.done, one.total, one.advance / one.seconds if one.seconds else 0, time.time())
            for key, one in heard.items()
        ]
        db.executemany(_ADD, rows)

    def spells(self) -> list[Spell]:
        """All that was worked at, round by round, in the order of their names."""
        rows = self._ledger.read(f"SELECT {', '.join(Spell.model_fields)} FROM clock ORDER BY round, work")
        return [Spell(**dict(zip(Spell.model_fields, row, strict=True))) for row in rows]


_ADD = """INSERT INTO clock (round, work, seconds, done, total, pace, heard) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    seconds = seconds + excluded.seconds, done = excluded.done, total = excluded.total, heard = excluded.heard,
    pace = iif(excluded.pace > 0, excluded.pace, pace)"""
