"""The calls of a run: paid work, kept before anything reads it."""

import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from elad.budget import Usage
from elad.errors import StorageError
from elad.ledger.questions import move
from elad.records import Record

if TYPE_CHECKING:
    from elad.ledger.ledger import Ledger

ROOM = 4 * 2**20
"""Bytes that must be free on the disk before a call is made, so that its answer can be kept."""

MAKE_ROOM = "free some and run the same command again: it goes on from here and buys nothing twice."

Outcome = Literal["open", "answered", "truncated", "refused", "reused", "lost"]
"""How a call stands: under way (or its process died); answered; cut off at its cap; declined; answered in an earlier
run on this machine, so that it was not paid for again; or gone, so that nobody can say whether it was billed."""

_STANDS = ("open", "answered", "reused")
_AT_ONCE = 500


class Call(Record):
    """A call as the ledger holds it. `usage`: what it cost, or would have cost where it is `reused`."""

    key: str
    round: int
    question: str
    request: str
    outcome: Outcome
    reply: str | None
    usage: Usage | None


class Calls:
    """The calls of an open ledger."""

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger

    def answered(self, outcome: Outcome | None = None) -> Iterator[Call]:
        """The calls that came to something, or those that stand so."""
        return self._where("reply IS NOT NULL AND (?1 IS NULL OR outcome = ?1)", outcome)

    def none_was_made(self) -> bool:
        """Whether nobody was ever asked anything."""
        return self._ledger.read("SELECT 1 FROM calls LIMIT 1").fetchone() is None

    def under_way(self) -> int:
        """How many are being answered."""
        return int(self._ledger.read("SELECT count(*) FROM calls WHERE outcome = 'open'").fetchone()[0])

    def of(self, round: int) -> Iterator[Call]:
        """The calls of a round."""
        return self._where("round = ?", round)

    def about(self, question: str, round: int) -> list[Call]:
        """The calls about a question in a round."""
        return list(self._where("round = ? AND question = ?", round, question))

    def missing(self, keys: Iterable[str], round: int) -> list[str]:
        """Those requests, each once, that are neither answered nor under way.

        One that was refused or cut off counts as answered in its own round only: a later round asks it again.
        """
        there: set[str] = set()
        named = list(dict.fromkeys(keys))
        for start in range(0, len(named), _AT_ONCE):
            some = named[start : start + _AT_ONCE]
            marks = ", ".join("?" for _ in some)
            sql = f"SELECT key FROM calls WHERE key IN ({marks}) AND (outcome IN {_STANDS} OR round = ?)"
            there.update(key for (key,) in self._ledger.read(sql, *some, round))
        return [key for key in named if key not in there]

    def reply(self, key: str) -> str | None:
        """The raw reply to a request, whatever it is."""
        row = self._ledger.read("SELECT reply FROM calls WHERE key = ?", key).fetchone()
        return row[0] if row else None

    def open(self, key: str, round: int, question: str, request: str, bound: Usage) -> None:
        """Keep the intent to call, with what it may cost at most, and mark the question as asked.

        Raises StorageError when the disk has no room to keep an answer.
        """
        need_room(self._ledger.folder)
        self._insert((key, round, question, request, bound.model_dump_json(), "open", None, None, None))

    def settle(self, key: str, reply: str, usage: Usage, outcome: Outcome = "answered") -> None:
        """Keep the raw answer and what it cost, before anything reads it."""
        with self._ledger.write() as db:
            db.execute(
                "UPDATE calls SET outcome = ?, reply = ?, usage = ? WHERE key = ?",
                (outcome, reply, usage.as_json(), key),
            )

    def reuse(self, key: str, round: int, question: str, request: str, reply: str, usage: Usage) -> None:
        """Keep an answer that an earlier run on this machine has paid for."""
        self._insert((key, round, question, request, usage.as_json(), "reused", reply, usage.as_json(), None))

    def forget(self, key: str) -> None:
        """Let a call go that is under way and will not be billed."""
        with self._ledger.write() as db:
            db.execute("DELETE FROM calls WHERE key = ? AND outcome = 'open'", (key,))

    def lose(self, key: str) -> None:
        """Count a call that is under way at its bound: it may have been billed, and its answer never came."""
        with self._ledger.write() as db:
            db.execute(f"UPDATE calls SET {LOST} WHERE key = ? AND outcome = 'open'", (key,))

    def close_open(self, *, may_have_been_billed: bool) -> None:
        """Deal with the calls that a dead process left open, but for those that a batch still answers.

        Where somebody else's meter runs, their answers may have been billed: they are `lost`. A teacher that runs in
        this process died with it and cost nothing: they are forgotten.
        """
        sql = f"UPDATE calls SET {LOST}" if may_have_been_billed else "DELETE FROM calls"
        with self._ledger.write() as db:
            db.execute(f"{sql} WHERE outcome = 'open' AND batch IS NULL")

    def spent(self, up_to: int | None = None, *, outcomes: Sequence[Outcome] = ()) -> Usage:
        """What calls cost (lost ones at their bound), by the whole run or up to the end of a round.

        Answers that were reused count as if they had been bought, so that a budget reaches as far with them as
        without; with `outcomes`, only calls that stand so count.
        """
        chosen = " OR ".join("outcome = ?" for _ in outcomes) or "TRUE"
        rows = self._ledger.read(
            f"SELECT usage FROM calls WHERE usage IS NOT NULL AND (?1 IS NULL OR round <= ?1) AND ({chosen})",
            up_to,
            *outcomes,
        )
        return sum((Usage.model_validate_json(row[0]) for row in rows), Usage())

    def _where(self, condition: str, *values: Any) -> Iterator[Call]:
        sql = f"SELECT {', '.join(_TOLD)}, usage FROM calls WHERE {condition}"
        for *known, usage in self._ledger.read(sql, *values):
            cost = Usage.model_validate_json(usage) if usage else None
            yield Call(**dict(zip(_TOLD, known, strict=True)), usage=cost)

    def _insert(self, row: tuple[Any, ...]) -> None:
        with self._ledger.write() as db:
            insert(db, row)


def insert(db: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    """Put a call in, and mark its question as asked."""
    key, _, question, *_ = row
    new = "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    if not db.execute(new, row).rowcount:
        # what was refused or cut off before was paid for too: it stays, under another name
        db.execute(f"UPDATE calls SET {_RENAMED} WHERE key = ?", (key,))
        db.execute(new, row)
    move(db, [(question, "asked", None)])


def need_room(folder: Path) -> None:
    """Raise StorageError where the disk of a folder has no room to keep an answer."""
    if shutil.disk_usage(folder).free < ROOM:
        raise StorageError(f"less than {ROOM // 2**20} MiB are free at {folder}; {MAKE_ROOM}")


_TOLD = ("key", "round", "question", "request", "outcome", "reply")
_RENAMED = "key = key || '/' || outcome || '/' || hex(randomblob(8))"
LOST = """key = key || '/lost/' || hex(randomblob(8)), outcome = 'lost', batch = NULL,
    usage = json_set(bound, '$.untold_calls', 1)"""
