"""SQLite files, which several threads and processes use at once."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Literal, Self

from elad.errors import EladError, RunFolderError, StorageError

_WAITS = 30.0
"""Seconds that another process's write is waited for."""


def readable(file: Path) -> str:
    """Where SQLite opens a file to read it, as a URI; a folder that can't be written has nobody who writes."""
    frozen = not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()
    return f"{file.resolve().as_uri()}?mode=ro{'&immutable=1' if frozen else ''}"


def connected(
    file: Path, *, read_only: bool = False, synchronous: Literal["FULL", "NORMAL"] = "FULL"
) -> sqlite3.Connection:
    """Open a file, for threads to share. Every statement is a transaction of its own, unless one is begun.

    To be written, it is in WAL mode; with synchronous=FULL, what was committed is on the disk.
    """
    where = readable(file) if read_only else str(file)
    db = sqlite3.connect(where, uri=read_only, isolation_level=None, check_same_thread=False, timeout=_WAITS)
    try:
        if not read_only:
            _begin_log(db)
            db.execute(f"PRAGMA synchronous={synchronous}")
    except BaseException:
        db.close()
        raise
    return db


def _begin_log(db: sqlite3.Connection) -> None:
    """Put a new file into WAL mode; SQLite itself would not wait for others that are about to do the same."""
    give_up = time.monotonic() + _WAITS
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


class Database:
    """An open file of a run folder: what `commit` returned from is on the disk. Use it in a `with` block.

    A subclass says what lies in it (`schema`, of which `version`) and what the errors of SQLite mean to people.
    `begun`: whether the file was more than empty when it was opened.
    """

    schema: ClassVar[str]
    version: ClassVar[int]

    def __init__(self, file: Path, *, read_only: bool = False) -> None:
        self.file = file
        self._writing = threading.RLock()
        with self._told():
            self._db = connected(file, read_only=read_only)
        try:
            self.begun = self._begun(read_only)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_db"):
            self._db.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of what is written inside is kept, or nothing of it; within another, a part of that."""
        with self._writing:
            if self._db.in_transaction:
                yield self._db
                return
            with self._told():
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self.commit()
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise

    def commit(self) -> None:
        """End the transaction: what it wrote is on the disk when this returns."""
        self._db.execute("COMMIT")

    def _begun(self, read_only: bool) -> bool:
        with self._told():
            version = self._version()
        if version not in (0, self.version):
            raise RunFolderError(
                f"{self.file} is of {self.file.stem} version {version}; this version of elad reads {self.version}. "
                "Use the version of elad that made the run, or another run folder."
            )
        if version == 0 and not read_only:
            with self.write() as db:
                if self._version() == 0:  # or another process was quicker
                    for statement in self.schema.split(";"):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {self.version}")
        return version != 0

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._plain(error) from error

    def _plain(self, error: sqlite3.Error) -> EladError:
        return StorageError(f"{self.file} can't be used ({error}).")
