"""The questions of a run and their states."""

import sqlite3
from collections.abc import Iterable

from elad.records import Question, State

Move = tuple[str, State, str | None]
"""A question's id, the state that it enters, and the reason, where the state has one."""


def move(db: sqlite3.Connection, moves: Iterable[Move]) -> None:
    """Put questions into states."""
    rows = [(state, reason, id) for id, state, reason in moves]
    db.executemany("UPDATE questions SET state = ?, reason = ? WHERE id = ?", rows)


class Admission:
    """The door for questions, open within one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def known(self, *, id: str | None = None, digest: str | None = None) -> tuple[str, State] | None:
        """The id and state of a question with this id or this content, if one is in."""
        column, value = ("id", id) if id is not None else ("digest", digest)
        row = self._db.execute(f"SELECT id, state FROM questions WHERE {column} = ?", (value,)).fetchone()
        return (row[0], row[1]) if row else None

    def count(self, state: State) -> int:
        """How many questions are in a state."""
        return int(self._db.execute("SELECT count(*) FROM questions WHERE state = ?", (state,)).fetchone()[0])

    def add(
        self, id: str, digest: str | None, state: State, reason: str | None = None, question: Question | None = None
    ) -> None:
        """Let a question in; one that is set aside unread has no body and no digest."""
        body = question.model_dump_json() if question else None
        self._db.execute("INSERT INTO questions VALUES (?, ?, ?, ?, ?)", (id, digest, state, reason, body))
