"""Looking at what changes: sections of a page, made anew when files have, and what of them is new to one looker."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

Sections = Mapping[str, str]
"""HTML by the names of the elements that it replaces."""


class Page:
    """The sections of a page, which `make` makes whenever `stamp` is another, once for all who look."""

    def __init__(self, stamp: Callable[[], object], make: Callable[[], Sections]) -> None:
        self._stamp_of = stamp
        self._make = make
        self._stamp: object = None
        self._sections: Sections = {}
        self._one_at_a_time = asyncio.Lock()

    async def sections(self) -> Sections:
        """All of them, as they are now."""
        async with self._one_at_a_time:
            stamp = self._stamp_of()
            if stamp != self._stamp:
                self._sections = await asyncio.to_thread(self._make)
                self._stamp = stamp
            return self._sections


class Look:
    """One looker at a page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._seen: Sections = {}

    async def news(self) -> Sections:
        """The sections that have changed since the last look."""
        before, self._seen = self._seen, await self._page.sections()
        return {name: html for name, html in self._seen.items() if html != before.get(name)}


def stamp_of(files: Sequence[Path]) -> tuple[int, ...]:
    """Another one whenever one of the files was written to."""
    stamps: list[int] = []
    for file in files:
        with suppress(OSError):  # a log goes with the process that wrote it
            stat = file.stat()
            stamps += [stat.st_mtime_ns, stat.st_size]
    return tuple(stamps)
