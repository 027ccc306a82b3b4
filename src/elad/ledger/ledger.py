"""What must not be lost: one SQLite file that is the only truth about a run.

It holds every question with its state, every paid call (kept before anything reads it), and the trace of each phase
of each round: the attempts, the choice, the annotations, the training, the scores, the verdict; and the clock. WAL with
synchronous=FULL: what a commit returned from is on disk. A write is one transaction, so a kill leaves all of it or
nothing of it. One process at a time holds the folder.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

from pydantic import ValidationError

from elad.errors import RunFolderError, StorageError
from elad.ledger.attempts import Attempts
from elad.ledger.batches import Batches
from elad.ledger.calls import MAKE_ROOM, Calls
from elad.ledger.clock import Clock
from elad.ledger.questions import Admission, Move, move
from elad.lock import hold
from elad.records import Question, Record, State
from elad.sqlite import Database

T = TypeVar("T", bound=Record)

VERSION = 4
FILE = "ledger.sqlite"
_AMENDED = "amendments"

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE questions (
    id TEXT PRIMARY KEY, digest TEXT, state TEXT NOT NULL, reason TEXT, body TEXT
) WITHOUT ROWID;
CREATE INDEX by_digest ON questions (digest);
CREATE INDEX by_state ON questions (state);
CREATE TABLE calls (
    key TEXT PRIMARY KEY, round INTEGER NOT NULL, question TEXT NOT NULL, request TEXT NOT NULL,
    bound TEXT NOT NULL, outcome TEXT NOT NULL, reply TEXT, usage TEXT, batch TEXT
) WITHOUT ROWID;
CREATE INDEX by_question ON calls (round, question);
CREATE TABLE batches (name TEXT PRIMARY KEY, file TEXT, id TEXT, ended INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE attempts (
    round INTEGER, question TEXT, place INTEGER NOT NULL, body TEXT, PRIMARY KEY (round, question)
) WITHOUT ROWID;
CREATE INDEX by_place ON attempts (round, place);
CREATE INDEX unattempted ON attempts (round, place) WHERE body IS NULL;
CREATE TABLE clock (
    round INTEGER, work TEXT, seconds REAL NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL,
    pace REAL NOT NULL, heard REAL NOT NULL, PRIMARY KEY (round, work)
) WITHOUT ROWID;
CREATE TABLE traces (
    round INTEGER, phase TEXT, body TEXT NOT NULL, PRIMARY KEY (round, phase)
) WITHOUT ROWID;
"""


class Ledger(Database):
    """The open ledger of one run. Use it in a `with` block: that holds and releases the folder."""

    schema = _SCHEMA
    version = VERSION

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self.calls = Calls(self)
        self.batches = Batches(self)
        self.clock = Clock(self)
        self._lock: IO[str] | None = None
        try:
            if not read_only:
                if folder.exists() and not folder.is_dir():
                    raise RunFolderError(f"{folder} is a file; name a folder for the run.")
                folder.mkdir(parents=True, exist_ok=True)
                self._lock = hold(folder)
            elif not (folder / FILE).is_file():
                raise RunFolderError(f"{folder} is no run folder: it has no {FILE}. Start one with `elad run RECIPE`.")
            super().__init__(folder / FILE, read_only=read_only)
            if read_only and not self.begun:
                raise RunFolderError(f"{self.file} is empty: nothing was ever run there.")
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise StorageError(f"{folder} can't be written: {error.strerror or error}.") from error
            raise
        self._db.create_function("lot", 2, _lot, deterministic=True)

    def close(self) -> None:
        """Close the file and let the folder go."""
        super().close()
        if self._lock:
            self._lock.close()

    def read(self, sql: str, *values: object) -> sqlite3.Cursor:
        """Ask the file something. Raises RunFolderError or StorageError where it can't answer."""
        with self._told():
            return self._db.execute(sql, values)

    # -- facts: what is said once of a run --------------------------------------------------------------------------

    def fact(self, name: str) -> str | None:
        """A fact of the run, or None when it has not been stated."""
        row = self.read("SELECT value FROM facts WHERE name = ?", name).fetchone()
        return str(row[0]) if row else None

    def state_fact(self, name: str, value: str) -> None:
        """Keep a fact; stating it again replaces it."""
        with self.write() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # -- questions and their states ---------------------------------------------------------------------------------

    @contextmanager
    def admission(self) -> Iterator[Admission]:
        """Let questions in, all of them or none."""
        with self.write() as db:
            yield Admission(db)

    def questions(self, state: State) -> list[Question]:
        """All questions in a state, ordered by id: for the held-out ones, not for a pool of millions."""
        rows = self.read("SELECT body FROM questions WHERE state = ? AND body IS NOT NULL ORDER BY id", state)
        return [Question.model_validate_json(row[0]) for row in rows]

    def counts(self) -> dict[State, int]:
        """How many questions are in each state; the numbers add up to all that came in."""
        rows = self.read("SELECT state, count(*) FROM questions GROUP BY state")
        return dict(rows.fetchall())

    def unusable(self, most: int = 1000) -> list[tuple[str, str]]:
        """The first of the questions that were set aside: (id, reason), ordered by id."""
        return self.read(
            "SELECT id, reason FROM questions WHERE state = 'unusable' ORDER BY id LIMIT ?", most
        ).fetchall()

    def attempts(self, round: int) -> Attempts:
        """The candidates of a round, and what the student wrote of them."""
        return Attempts(self, round)

    # -- rounds -----------------------------------------------------------------------------------------------------

    def trace(
        self,
        round: int,
        phase: str,
        kind: type[T],
        compute: Callable[[], T],
        states: Callable[[T], Iterable[Move]] = lambda _: (),
    ) -> T:
        """The outcome of a phase: what was kept of it, or else what `compute` gives, kept before it is returned.

        The states into which the outcome puts questions are written with it, in one transaction.
        """
        kept = self.traced(round, phase, kind)
        if kept is not None:
            return kept
        self.clock.round = round
        outcome = compute()
        with self.write() as db:
            self.clock.write(db)
            db.execute("INSERT INTO traces VALUES (?, ?, ?)", (round, phase, outcome.model_dump_json()))
            move(db, states(outcome))
        return outcome

    def amend(self, round: int, outcomes: Mapping[str, Record], moves: Iterable[Move]) -> None:
        """Replace what phases of a round came to, and move questions, all in one transaction."""
        with self.write() as db:
            for phase, outcome in outcomes.items():
                row = (outcome.model_dump_json(), round, phase)
                db.execute("UPDATE traces SET body = ? WHERE round = ? AND phase = ?", row)
            self.state_fact(_AMENDED, str(self.amendments + 1))
            move(db, moves)

    def traced(self, round: int, phase: str, kind: type[T]) -> T | None:
        """The outcome of a phase that was kept, or None."""
        row = self.read("SELECT body FROM traces WHERE round = ? AND phase = ?", round, phase).fetchone()
        try:
            return kind.model_validate_json(row[0]) if row else None
        except ValidationError as error:
            raise RunFolderError(
                f"{self.file}: what round {round} left of its phase {phase!r} can't be read by this version "
                "of elad. Use the version that made the run, or another run folder."
            ) from error

    @property
    def amendments(self) -> int:
        """How often what a phase came to was replaced."""
        return int(self.fact(_AMENDED) or 0)

    def last_round(self, phase: str) -> int:
        """The last round in which a phase left its trace; 0 when none has."""
        return int(self.read("SELECT coalesce(max(round), 0) FROM traces WHERE phase = ?", phase).fetchone()[0])

    def _plain(self, error: sqlite3.Error) -> RunFolderError | StorageError:
        said = str(error)
        if "disk is full" in said or "disk I/O error" in said:
            return StorageError(f"{self.file} can't be written ({said}); {MAKE_ROOM}")
        return RunFolderError(
            f"{self.file} can't be read as a ledger ({said}). Restore it from a copy, or start another run folder."
        )


def _lot(lot: str, id: str) -> bytes:
    return hashlib.sha256(f"{lot}/{id}".encode()).digest()
