"""The clock of a run: how long it worked at what, and how far what is under way has come.

Times differ from run to run, so nothing that decides a run's course reads them.
"""

import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from elad.errors import EladError
from elad.records import Record

if TYPE_CHECKING:
    from elad.ledger.ledger import Ledger

_WRITTEN_EVERY = 1.0
"""Seconds between two writes: what a kill costs of the time that is told."""


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


class Clock:
    """The clock of an open ledger. `round`: to which the work under way belongs."""

    def __init__(self, ledger: "Ledger") -> None:
        self.round = 0
        self._ledger = ledger
        self._unwritten: dict[tuple[int, str], tuple[float, int, int]] = {}
        self._written = time.monotonic()

    def heard(self, work: str, done: int, total: int, seconds: float) -> None:
        """So many seconds more were worked, and so much is done. Kept every second, and with the next trace."""
        key = (self.round, work)
        before = self._unwritten.get(key, (0.0, 0, 0))[0]
        self._unwritten[key] = (before + seconds, done, total)
        if time.monotonic() - self._written > _WRITTEN_EVERY:
            # a time that can't be kept must not cost the work that it is of
            with suppress(EladError), self._ledger.write() as db:
                self.write(db)

    def write(self, db: sqlite3.Connection) -> None:
        """Keep what was heard."""
        unwritten, self._unwritten, self._written = self._unwritten, {}, time.monotonic()
        rows = [(*key, *heard, time.time()) for key, heard in unwritten.items()]
        db.executemany(_ADD, rows)

    def spells(self) -> list[Spell]:
        """All that was worked at, round by round, in the order of their names."""
        rows = self._ledger.read(f"SELECT {', '.join(Spell.model_fields)} FROM clock ORDER BY round, work")
        return [Spell(**dict(zip(Spell.model_fields, row, strict=True))) for row in rows]


_ADD = """INSERT INTO clock (round, work, seconds, done, total, heard, pace) VALUES (?, ?, ?, ?, ?, ?, 0)
ON CONFLICT DO UPDATE SET
    seconds = seconds + excluded.seconds, done = excluded.done, total = excluded.total, heard = excluded.heard,
    pace = CASE WHEN excluded.seconds > 0 AND excluded.total = total AND excluded.done >= done
           THEN (excluded.done - done) / excluded.seconds ELSE pace END"""
