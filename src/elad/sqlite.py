"""Reading SQLite files that another process may be writing."""

import os
from pathlib import Path


def readable(file: Path) -> str:
    """Where SQLite opens a file to read it, as a URI; a folder that can't be written has nobody who writes."""
    frozen = not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()
    return f"{file.resolve().as_uri()}?mode=ro{'&immutable=1' if frozen else ''}"
