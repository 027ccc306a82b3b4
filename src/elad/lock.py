"""One process at a time holds a run folder."""

import fcntl
import os
from pathlib import Path
from typing import IO

from elad.errors import RunFolderError


def hold(folder: Path) -> IO[str]:
    """Lock the folder for this process; the lock falls with the process, however it ends.

    Raises RunFolderError with the number of the process that holds it.
    """
    holder = open(folder / "lock", "a+")  # noqa: SIM115 - held for as long as the ledger is open
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder.seek(0)
        pid = holder.read().strip() or "unknown"
        holder.close()
        raise RunFolderError(
            f"{folder} is in use by another process (number {pid}). Wait for it, end it, or name another run folder."
        ) from None
    holder.truncate(0)
    holder.write(str(os.getpid()))
    holder.flush()
    return holder
