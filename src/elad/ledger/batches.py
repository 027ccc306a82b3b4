"""The batches of a run: calls that are bought together, and how far each batch has come.

A batch and its calls are planned in one transaction, before anything is sent, and end in one: so a kill leaves no call
without its batch, and no batch that is settled by half.
"""

import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from elad.budget import Usage
from elad.ledger.calls import LOST, Outcome, insert, need_room
from elad.records import Record

if TYPE_CHECKING:
    from elad.ledger.ledger import Ledger


class Batch(Record):
    """A batch that has not ended: our name for it, and the provider's names of its file and of itself, once known."""

    name: str
    file: str | None = None
    id: str | None = None


class Planned(NamedTuple):
    """A call of a batch. `bound`: what it may cost at most."""

    key: str
    question: str
    request: str
    bound: Usage


class Settled(NamedTuple):
    """What came of a call of a batch."""

    key: str
    reply: str
    usage: Usage
    outcome: Outcome


class Batches:
    """The batches of an open ledger."""

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger

    def plan(self, round: int, calls: Iterable[Planned]) -> Batch:
        """Keep the intent to buy calls together, and mark their questions as asked.

        Raises StorageError when the disk has no room to keep an answer.
        """
        need_room(self._ledger.folder)
        batch = Batch(name=secrets.token_hex(8))
        with self._ledger.write() as db:
            db.execute("INSERT INTO batches VALUES (?, NULL, NULL, FALSE)", (batch.name,))
            for key, question, request, bound in calls:
                row = (key, round, question, request, bound.model_dump_json(), "open", None, None, batch.name)
                insert(db, row)
        return batch

    def uploaded(self, batch: Batch, file: str) -> None:
        """Note under what name the provider has a batch's file."""
        with self._ledger.write() as db:
            db.execute("UPDATE batches SET file = ? WHERE name = ?", (file, batch.name))

    def created(self, batch: Batch, id: str) -> None:
        """Note under what name the provider has a batch."""
        with self._ledger.write() as db:
            db.execute("UPDATE batches SET id = ? WHERE name = ?", (id, batch.name))

    def end(self, batch: Batch, settled: Sequence[Settled], lost: Iterable[str]) -> None:
        """Keep all that came of a batch: answers, and calls that nobody knows of whether they were billed.

        Its other calls cost nothing and are forgotten.
        """
        answers = [(outcome, reply, usage.as_json(), key, batch.name) for key, reply, usage, outcome in settled]
        with self._ledger.write() as db:
            still_open = "WHERE key = ? AND outcome = 'open' AND batch = ?"
            db.executemany(f"UPDATE calls SET outcome = ?, reply = ?, usage = ? {still_open}", answers)
            db.executemany(f"UPDATE calls SET {LOST} {still_open}", [(key, batch.name) for key in lost])
            db.execute("DELETE FROM calls WHERE outcome = 'open' AND batch = ?", (batch.name,))
            db.execute("UPDATE batches SET ended = TRUE WHERE name = ?", (batch.name,))

    def unfinished(self) -> list[Batch]:
        """The batches that have not ended."""
        rows = self._ledger.read("SELECT name, file, id FROM batches WHERE NOT ended ORDER BY name")
        return [Batch(name=name, file=file, id=id) for name, file, id in rows]

    def calls(self, batch: Batch) -> list[Planned]:
        """The calls of a batch that are open."""
        sql = "SELECT key, question, request, bound FROM calls WHERE batch = ? AND outcome = 'open' ORDER BY key"
        rows = self._ledger.read(sql, batch.name)
        return [
            Planned(key, question, request, Usage.model_validate_json(bound)) for key, question, request, bound in rows
        ]
