"""What a teacher is told, as files: a name and a version each, so that a change of wording is a new file.

A recipe names one (`annotate: {kind: revise, prompt: revise-1}`), or a file of its own.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

from elad.errors import InputError

_SHIPPED = files(__name__)


@cache
def prompt(name: str) -> str:
    """The text of a shipped prompt, or of a file. Raises InputError with the names that there are."""
    shipped = {entry.name.removesuffix(".txt"): entry for entry in _SHIPPED.iterdir() if entry.name.endswith(".txt")}
    try:
        text = shipped[name].read_text("utf-8") if name in shipped else Path(name).read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InputError(
            f"annotate.prompt: {name!r} is neither a file that can be read nor one of {', '.join(sorted(shipped))}"
        ) from error
    if not text.strip():
        raise InputError(f"annotate.prompt: {name} is empty")
    return text.strip()
