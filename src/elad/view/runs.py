"""A run that is looked at while others may write to it: read from its ledger, again and again."""

from pathlib import Path
from typing import Any

from elad import people
from elad.ledger import FILE, Ledger
from elad.lock import is_held
from elad.report import Remembered, stored_recipe
from elad.report.explanations import Item, explanations, packed, rounds_with_explanations
from elad.report.html import environment, parts
from elad.view.looking import Look, Sections, stamp_of
from elad.view.people import Queue

_SECTIONS = ("facts", "curve", "states", "rounds", "revisions")
"""What changes on a run's page while it goes on, by the templates and elements that bear these names."""

_LAST = 6
"""Revisions that are shown as they come."""


class WatchedRun:
    """A run folder. Whatever thread asks, it is read then. Raises RunFolderError where it holds no run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.queue = Queue(folder)
        self.remembered: Remembered = {}
        self.told()

    def stamp(self) -> tuple[int, ...]:
        """Another one whenever something of it has changed."""
        files = [self.folder / f"{name}{ending}" for name in (FILE, people.FILE) for ending in ("", "-wal")]
        return (*stamp_of(files), is_held(self.folder))

    def told(self) -> dict[str, Any]:
        """What the templates show of it."""
        with Ledger(self.folder, read_only=True) as ledger:
            rounds = " ".join(map(str, rounds_with_explanations(ledger)))
            return {
                **parts(ledger, self.remembered),
                "rounds": rounds,
                "folder": str(self.folder),
                "people": self.queue.exists,
            }

    def explanations(self, number: int) -> bytes:
        """What was paid for in a round, packed."""
        with Ledger(self.folder, read_only=True) as ledger:
            return packed(explanations(ledger, stored_recipe(ledger), number))

    def look(self) -> Look:
        """A new looker."""
        revisions = _Revisions()

        def sections() -> Sections:
            told = {**self.told(), "revisions": revisions.last(self._newest())}
            return {name: environment().get_template(f"{name}.html").render(**told) for name in _SECTIONS}

        return Look(self.stamp, sections)

    def _newest(self) -> list[Item]:
        """The explanations of the last round that has some."""
        with Ledger(self.folder, read_only=True) as ledger:
            rounds = rounds_with_explanations(ledger)
            return explanations(ledger, stored_recipe(ledger), rounds[-1]) if rounds else []


class _Revisions:
    """The last revisions, in the order in which they were seen to come."""

    def __init__(self) -> None:
        self._known: set[tuple[int, str]] = set()
        self._last: list[Item] = []

    def last(self, items: list[Item]) -> list[Item]:
        """The newest first, after these were seen."""
        new = [item for item in items if (item["round"], item["id"]) not in self._known]
        self._known |= {(item["round"], item["id"]) for item in new}
        self._last = [*reversed(new[-_LAST:]), *self._last][:_LAST]
        return self._last
