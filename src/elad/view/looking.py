"""Looking at what changes: sections of a page, made anew when files have, and what of them is new to one looker."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Sections = Mapping[str, str]
"""HTML by the names of the elements that it replaces."""


class Look:
    """One looker at a page. `stamp` is another whenever the page may be; `sections` makes what may have changed."""

    def __init__(self, stamp: Callable[[], object], sections: Callable[[], Sections]) -> None:
        self._stamp_of = stamp
        self._sections_of = sections
        self._stamp: object = None
        self._seen: Sections = {}

    def news(self) -> Sections:
        """What has changed since the last look."""
        stamp = self._stamp_of()
        if stamp == self._stamp:
            return {}
        sections = self._sections_of()
        changed = {name: html for name, html in sections.items() if html != self._seen.get(name)}
        self._stamp, self._seen = stamp, sections
        return changed


def stamp_of(files: Sequence[Path]) -> tuple[int, ...]:
    """Another one whenever one of the files was written to."""
    stats = [file.stat() for file in files if file.exists()]
    return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_size))
