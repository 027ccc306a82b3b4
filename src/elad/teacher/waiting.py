"""Waiting for asynchronous work: from plain code, for the first of several, and until Ctrl-C."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from elad.progress import heed

_HEED_EVERY = 0.3
"""Seconds between two looks whether Ctrl-C was pressed."""


def run_to_end(work: Coroutine[Any, Any, None]) -> None:
    """Run asynchronous work from plain code, also where a loop is running already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work)
        return
    failures: list[BaseException] = []

    def aside() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=aside)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


async def when_some_are_done(calls: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """The calls that are left when some have ended. Raises what one of these raised, and Interrupted after Ctrl-C."""
    done: set[asyncio.Task[None]] = set()
    while not done:
        heed()
        done, left = await asyncio.wait(calls, timeout=_HEED_EVERY, return_when=asyncio.FIRST_COMPLETED)
    if failed := [error for task in done if (error := task.exception())]:
        raise failed[0]
    return left


async def unless_stopped(work: Coroutine[Any, Any, object]) -> None:
    """Do work that may be cut off at any instant. Raises Interrupted soon after Ctrl-C."""
    task = asyncio.create_task(work)
    try:
        while not task.done():
            heed()
            await asyncio.wait({task}, timeout=_HEED_EVERY)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    task.result()
