"""A run as a page of HTML: one file that needs nothing else, and the parts of which `elad view` makes its pages."""

import base64
import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from elad.errors import InputError, StorageError
from elad.ledger import Ledger
from elad.report.data import Told, stored_recipe, summary
from elad.report.explanations import explanations, packed, rounds_with_explanations
from elad.report.facts import facts
from elad.report.figures import accuracy, by_round
from elad.report.now import now, seconds_by_work
from elad.report.text import domains, table
from elad.text import visible

FILE = "report.html"
SCRIPTS = ("text.js", "diff.js", "keys.js", "list.js", "item.js", "explanations.js")
"""What shows the explanations, in the order in which it is read."""

_BEGINS = b"<!doctype html><!-- made by elad -->"
"""How every report begins, and so by what one is known."""

_MOST = 24 * 10**6
"""Bytes of explanations in a file; a browser opens it at once, and it can be sent about."""

_FLOW = ("pooled", "selected", "asked", "annotated")
"""States that a question goes through, one after the other; from each it may become unusable."""


class Table(NamedTuple):
    """A table of text."""

    caption: str
    header: list[str]
    rows: list[list[str]]


def asset(name: str) -> str:
    """A file of the page's."""
    return files("elad.report").joinpath("page", name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """The templates. What they show is escaped, and what would act in it is named."""
    return Environment(
        loader=PackageLoader("elad.report", "page"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )


def parts(ledger: Ledger, before: Told | None = None) -> dict[str, Any]:
    """What the templates show of a run, but for its explanations."""
    told = summary(ledger, before)
    rounds = told["rounds"]
    total = sum(told["questions"].values())
    return {
        "name": told["name"],
        "facts": facts(told, now(ledger)),
        "curve": accuracy(rounds, told["forecast"]) if rounds else None,
        "states": [
            {
                "name": name,
                "count": count,
                "percent": round(100 * count / max(total, 1), 2),
                "flows": name in _FLOW[:-1],
            }
            for name in (*_FLOW, "unusable", "held out")
            for count in [told["questions"].get(name, 0)]
        ],
        "total": total,
        "set_aside": [[row["row"], row["reason"]] for row in told["set_aside"]],
        "tables": _tables(told) if rounds else [],
        "figures": by_round(told, seconds_by_work(ledger)),
    }


def report(ledger: Ledger) -> str:
    """The whole page, with all that it needs in it."""
    pieces, left_out = _pieces(ledger)
    style, scripts = asset("page.css"), [asset(name) for name in SCRIPTS]
    policy = (
        f"default-src 'none'; img-src data:; style-src {_source(style)}; "
        f"script-src {' '.join(map(_source, scripts))}; base-uri 'none'; form-action 'none'"
    )
    return (
        environment()
        .get_template("report.html")
        .render(**parts(ledger), policy=Markup(policy), style=style, scripts=scripts, pieces=pieces, left_out=left_out)
    )


def write_report(ledger: Ledger, to: Path | None = None) -> Path:
    """Write it, into the run's folder unless told otherwise.

    Raises InputError where something else lies there, StorageError where it can't be written.
    """
    file = to or ledger.folder / FILE
    try:
        place = file.resolve()  # what a link leads to is replaced, and not the link
        if place.exists() and not _is_report(place):
            raise InputError(f"{file} is there and is no report: name another file.")
        unfinished = place.with_name(f".{place.name}.unfinished")
        try:
            unfinished.write_text(report(ledger), encoding="utf-8")
            unfinished.replace(place)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"{file} can't be written: {error.strerror}.") from error
    return file


def _is_report(file: Path) -> bool:
    """Whether a file may be overwritten: as one of ours, or as it is empty."""
    if not file.is_file():
        return False
    with file.open("rb") as begun:
        beginning = begun.read(len(_BEGINS))
    return beginning in (b"", _BEGINS)


def _pieces(ledger: Ledger) -> tuple[list[tuple[int, Markup]], str | None]:
    """The explanations of the last rounds that fit into a file, in their order, and what is said of the others."""
    recipe = stored_recipe(ledger)
    pieces: list[tuple[int, Markup]] = []
    room = _MOST
    for number in reversed(rounds_with_explanations(ledger)):
        piece = base64.b64encode(packed(explanations(ledger, recipe, number))).decode()
        if len(piece) > room:
            return pieces[::-1], (
                f"The explanations of rounds 1 to {number} would make this file larger than a browser likes. "
                f"`elad view {ledger.folder}` shows them all."
            )
        room -= len(piece)
        pieces.append((number, Markup(piece)))
    return pieces[::-1], None


def _tables(told: dict[str, Any]) -> list[Table]:
    by_domain = (
        "The held-out questions before the first round and after the last; same steps: the file's own explanation."
    )
    return [
        Table("Round by round, with 95% intervals", *table(told)),
        *([Table(by_domain, *domains(told))] if told["rounds"][0]["accuracy"]["domains"] else []),
    ]


def _source(text: str) -> str:
    """How a content security policy names a script or style that may stand in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
