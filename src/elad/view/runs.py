"""A run that is looked at while others may write to it: read from its ledger, again and again."""

from pathlib import Path
from typing import Any

from elad import people
from elad.ledger import FILE, Ledger
from elad.lock import is_held
from elad.report import Told, stored_recipe
from elad.report.explanations import Item, explanations, packed, rounds_with_explanations, verdicts
from elad.report.html import environment, parts
from elad.view.looking import Page, Sections, stamp_of
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
        self.page = Page(self.stamp, self._sections)
        self.told_before: Told = {}
        self._verdicts: tuple[tuple[int, int, int], list[Item]] = ((0, 0, 0), [])
        self._revisions = _Revisions()
        with Ledger(folder, read_only=True) as ledger:
            stored_recipe(ledger)

    def stamp(self) -> tuple[int, ...]:
        """Another one whenever something of it has changed."""
        files = [self.folder / f"{name}{ending}" for name in (FILE, people.FILE) for ending in ("", "-wal")]
        return (*stamp_of(files), is_held(self.folder))

    def told(self) -> dict[str, Any]:
        """What the templates show of it."""
        with Ledger(self.folder, read_only=True) as ledger:
            numbers = rounds_with_explanations(ledger)
            return {
                **parts(ledger, self.told_before),
                "numbers": " ".join(map(str, numbers)),
                "evaluated": ledger.last_round("evaluate"),
                "revisions": self._revisions.last(self._newest(ledger)),
                "folder": str(self.folder),
                "people": self.queue.exists,
            }

    def _newest(self, ledger: Ledger) -> list[Item]:
        """The verdicts of the last round that has some; those of a round that is annotated stay as they are."""
        name = (ledger.last_round("select"), ledger.amendments, ledger.last_round("annotate"))
        if name != self._verdicts[0] or name[0] > name[2]:
            number = name[0]
            self._verdicts = name, verdicts(ledger, stored_recipe(ledger), number) if number else []
        return self._verdicts[1]

    def explanations(self, number: int) -> bytes:
        """What was paid for in a round, packed."""
        with Ledger(self.folder, read_only=True) as ledger:
            return packed(explanations(ledger, stored_recipe(ledger), number))

    def _sections(self) -> Sections:
        told = self.told()
        return {name: environment().get_template(f"{name}.html").render(**told) for name in _SECTIONS}


class _Revisions:
    """The last revisions, in the order in which they were seen to come."""

    def __init__(self) -> None:
        self._known: set[tuple[int, str]] = set()
        self._last: list[tuple[int, str]] = []
        self._items: dict[tuple[int, str], Item] = {}

    def last(self, items: list[Item]) -> list[Item]:
        """The newest first, as they stand now that these were seen."""
        now = {(item["round"], item["id"]): item for item in items}
        new = [name for name in now if name not in self._known]
        self._known |= {*new}
        self._last = [*reversed(new[-_LAST:]), *self._last][:_LAST]
        self._items = {name: now.get(name) or self._items[name] for name in self._last}
        return list(self._items.values())
