"""One process at a time holds a run folder; others can see whether one does."""

import fcntl
import os
import time
from pathlib import Path
from typing import IO

from elad.errors import RunFolderError

_FILE = "lock"


def hold(folder: Path) -> IO[str]:
    """Lock the folder for this process; the lock falls with the process, however it ends.

    Raises RunFolderError with the number of the process that holds it.
    """
    holder = open(folder / _FILE, "a+")  # noqa: SIM115 - held for as long as the ledger is open
    if not _locks(holder, fcntl.LOCK_EX, tries=3):  # another may just be looking
        holder.seek(0)
        pid = holder.read().strip() or "unknown"
        holder.close()
        raise RunFolderError(
            f"{folder} is in use by another process (number {pid}). Wait for it, end it, or name another run folder."
        )
    holder.truncate(0)
    holder.write(str(os.getpid()))
    holder.flush()
    return holder


def is_held(folder: Path) -> bool:
    """Whether a process holds the folder now, as far as this one may see."""
    try:
        with open(folder / _FILE) as looked_at:
            return not _locks(looked_at, fcntl.LOCK_SH)
    except OSError:
        return False


def _locks(file: IO[str], how: int, tries: int = 1) -> bool:
    for left in reversed(range(tries)):
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if left:
                time.sleep(0.05)
        else:
            return True
    return False
