"""The small web server behind `elad view`: pages, what changes on them as it changes, and the queue of people."""

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from elad.errors import EladError, InputError
from elad.report.html import SCRIPTS, asset, environment
from elad.view.guard import EVERYWHERE, Guard
from elad.view.looking import Look, Page
from elad.view.overlay import Overlay
from elad.view.runs import WatchedRun

_LIVE = ("live.js",)
_PEOPLE = ("text.js", "keys.js", "kept.js", "queue.js", "task.js", "standing.js", "people.js")
_ASSETS = {"page.css": "text/css", **dict.fromkeys((*SCRIPTS, *_LIVE, *_PEOPLE), "text/javascript")}

_RUN = "/{token}/runs/{run:[0-9]{1,4}}"

_LARGEST = 4 * 2**20
"""Bytes of what a page may send."""

_LOOK_EVERY = 1.0
"""Seconds between two looks at a run that somebody watches."""

_SIGN_EVERY = 15
"""Looks without news after which a sign of life is sent."""


class View:
    """The pages of some runs. Raises RunFolderError where a folder holds none."""

    def __init__(self, folders: Sequence[Path], host: str = "127.0.0.1") -> None:
        self.runs = [WatchedRun(folder) for folder in {folder.resolve(): folder for folder in folders}.values()]
        self.overlay = Overlay(self.runs)
        self.guard = Guard(host)
        self._leaving = asyncio.Event()

    def app(self) -> web.Application:
        """The application, to be served."""
        middlewares = [self.guard.middleware, web.normalize_path_middleware(), _in_a_sentence]
        app = web.Application(client_max_size=_LARGEST, middlewares=middlewares)
        app.on_response_prepare.append(self.guard.on_prepare)
        app.on_shutdown.append(self._leave)
        app.add_routes(
            [
                _get("/{token}/", self._first),
                _get("/{token}/events", self._overlay_events),
                _get("/{token}/{file}", self._asset),
                _get(f"{_RUN}/", self._run),
                _get(f"{_RUN}/events", self._run_events),
                _get(f"{_RUN}/people/", self._people),
                web.post(f"{_RUN}/people/{{act}}", self._act),
                _get(f"{_RUN}/explanations/{{round:[0-9]{{1,9}}}}", self._explanations),
            ]
        )
        return app

    async def _leave(self, app: web.Application) -> None:
        self._leaving.set()
        for run in self.runs:
            run.queue.close()

    async def _first(self, request: web.Request) -> web.Response:
        if len(self.runs) == 1:
            raise web.HTTPFound(f"/{self.guard.token}/runs/0/")
        told = await asyncio.to_thread(self.overlay.told)
        return _page("several.html", root=".", scripts=("text.js", *_LIVE), **told)

    async def _asset(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        if name not in _ASSETS:
            raise web.HTTPNotFound(text="There is nothing at this address.\n")
        return web.Response(text=asset(name), content_type=_ASSETS[name], charset="utf-8")

    async def _run(self, request: web.Request) -> web.Response:
        told = await asyncio.to_thread(self._asked_for(request).told)
        several = len(self.runs) > 1
        return _page("run.html", root="../..", scripts=(*SCRIPTS, *_LIVE), several=several, **told)

    async def _people(self, request: web.Request) -> web.Response:
        folder = self._asked_for(request).folder
        return _page("people.html", root="../../..", scripts=_PEOPLE, name=folder.name, folder=str(folder.resolve()))

    async def _act(self, request: web.Request) -> web.Response:
        return await self._asked_for(request).queue.act(request)

    async def _explanations(self, request: web.Request) -> web.Response:
        run, number = self._asked_for(request), int(request.match_info["round"])
        packed = await asyncio.to_thread(run.explanations, number)
        return web.Response(body=packed, content_type="application/json", headers={"Content-Encoding": "gzip"})

    async def _run_events(self, request: web.Request) -> web.StreamResponse:
        return await self._events(request, self._asked_for(request).page)

    async def _overlay_events(self, request: web.Request) -> web.StreamResponse:
        return await self._events(request, self.overlay.page)

    async def _events(self, request: web.Request, page: Page) -> web.StreamResponse:
        """Server-sent events: the sections of a page that have changed, as HTML by their names."""
        look = Look(page)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        quiet = 0
        while not self._leaving.is_set():
            try:
                news = await look.news()
            except EladError as error:
                await response.write(f"event: trouble\ndata: {json.dumps(str(error))}\n\n".encode())
                break
            quiet = 0 if news else quiet + 1
            if news:
                await response.write(f"data: {json.dumps(news)}\n\n".encode())
            elif quiet % _SIGN_EVERY == 0:
                await response.write(b": here\n\n")
            try:
                await asyncio.wait_for(self._leaving.wait(), _LOOK_EVERY)
            except TimeoutError:
                continue
        return response

    def _asked_for(self, request: web.Request) -> WatchedRun:
        number = int(request.match_info["run"])
        if number >= len(self.runs):
            raise web.HTTPNotFound(text="There is no such run here.\n")
        return self.runs[number]


@web.middleware
async def _in_a_sentence(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """What goes wrong with a run's files is said, without a traceback."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except EladError as error:
        return web.Response(status=409, text=f"{error}\n")


def _get(path: str, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.RouteDef:
    return web.get(path, handler, allow_head=False)


def _page(template: str, **told: Any) -> web.Response:
    html = environment().get_template(template).render(**told)
    return web.Response(text=html, content_type="text/html", charset="utf-8")


_PORT = 7321
"""Where it listens unless told, so that what a browser keeps of a page is there next time."""


async def serve(folders: Sequence[Path], host: str, port: int | None, ready: Callable[[str], None]) -> None:
    """Serve until cancelled; `ready` is told the address. Raises InputError where the port can't be had."""
    if not host:
        raise InputError("--host is empty: name an address, or leave it out for this machine alone.")
    view = View(folders, host)
    quiet = logging.Logger("quiet", logging.CRITICAL)  # what can't be read as a request is nobody's news
    runner = web.AppRunner(view.app(), access_log=None, logger=quiet, shutdown_timeout=2.0, handler_cancellation=True)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        ready(f"http://{_reached_at(host)}:{runner.addresses[0][1]}/{view.guard.token}/")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def _reached_at(host: str) -> str:
    """By which name others reach where it listens."""
    if host in EVERYWHERE:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


async def _listen(runner: web.AppRunner, host: str, port: int | None) -> None:
    for wanted in (port,) if port is not None else (_PORT, 0):
        try:
            await web.TCPSite(runner, host, wanted).start()
        except OSError as error:
            failed = error
        else:
            return
    raise InputError(f"{host} can't be listened at: {failed.strerror}. Name another --host or --port.") from failed
