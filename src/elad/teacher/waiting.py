"""Waiting for asynchronous work: from plain code, for news of several pieces of it, and until Ctrl-C."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
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

    thread = threading.Thread(target=aside, daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


async def still_under_way(calls: set[asyncio.Task[None]], news: asyncio.Event) -> set[asyncio.Task[None]]:
    """The calls that have not ended, once there is news of some.

    Raises what an ended one raised; and Interrupted soon after Ctrl-C, however long nothing comes.
    """
    while not news.is_set():
        heed()
        with suppress(TimeoutError):
            async with asyncio.timeout(_HEED_EVERY):
                await news.wait()
    news.clear()
    for call in calls:
        if call.done() and (error := call.exception()):
            raise error
    return {call for call in calls if not call.done()}


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
