"""How long work shows itself: bars on a terminal, plain lines elsewhere, silence in a library, a listener anywhere.

It is also where long work can be stopped: between two items `track` looks whether Ctrl-C was pressed.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from elad.errors import Interrupted
from elad.text import visible

T = TypeVar("T")

LINE_EVERY = 10.0
"""Seconds between two plain lines about the same piece of work."""

Listener = Callable[[str, int, int, int, float], None]
"""Hears of work: its label, how much is done, of how much, how much of that is new, and in how many seconds."""

_console: Console | None = None
_listener: Listener | None = None
_interrupted = False
_halted: set[threading.Thread] = set()
_here = threading.local()


def say(line: str) -> None:
    """A line of news for whoever watches."""
    if _console:
        _console.print(visible(line), highlight=False, markup=False)


def track(items: Iterable[T], label: str, total: int) -> Iterator[T]:
    """The items one by one, showing how far the work is. Raises Interrupted between two of them after Ctrl-C."""
    with counter(label, total) as tick:
        for item in items:
            heed()
            yield item
            tick()


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Let somebody hear of all work that is counted meanwhile."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


@contextmanager
def counter(label: str, total: int, done: int = 0) -> Iterator[Callable[[], None]]:
    """Show how far work is: to be called as each piece of it is done. Raises Interrupted then, after Ctrl-C."""
    last = time.monotonic()

    def tell(advance: int) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if _listener:
            _listener(label, done, total, advance, last - before)

    tell(0)
    around, _here.tell = getattr(_here, "tell", None), partial(tell, 0)
    with _drawn(label, total, done) as draw:

        def tick() -> None:
            nonlocal done
            heed()
            done += 1
            draw()
            tell(1)

        try:
            yield tick
        finally:
            tell(0)
            _here.tell = around


@contextmanager
def _drawn(label: str, total: int, done: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, or a line every now and then."""
    if _console and _console.is_terminal and threading.current_thread() is threading.main_thread():
        columns = (TextColumn("  {task.description:<10}"), BarColumn(30), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=_console, transient=True) as bars:
            task = bars.add_task(label, total=total, completed=done)
            yield lambda: bars.advance(task)
        return
    told = time.monotonic()

    def count() -> None:
        nonlocal told, done
        done += 1
        if time.monotonic() - told > LINE_EVERY:
            told = time.monotonic()
            say(f"  {label} {done}/{total}")

    yield count


def heed() -> None:
    """Raise Interrupted if the user has asked to stop, or this thread was halted; to be called while work waits too."""
    if tell := getattr(_here, "tell", None):
        tell()
    if _interrupted or threading.current_thread() in _halted:
        raise Interrupted


def halt(thread: threading.Thread) -> None:
    """Let a thread stop at the next safe place, and wait for it."""
    _halted.add(thread)
    thread.join()
    _halted.discard(thread)


@contextmanager
def shown(console: Console | None) -> Iterator[None]:
    """Show progress on a console, and turn the first Ctrl-C into a stop at the next safe place.

    A second Ctrl-C stops at once; what was written is safe then too.
    """
    global _console, _interrupted
    _console, _interrupted = console, False

    def stop(number: int, frame: FrameType | None) -> None:
        global _interrupted
        if _interrupted:
            raise Interrupted
        _interrupted = True
        say("Stopping after the write under way (Ctrl-C again: at once).")

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _console, _interrupted = None, False
