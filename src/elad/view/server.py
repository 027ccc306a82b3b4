"""The small web server behind `elad view`: pages, what changes on them as it changes, and the queue of people."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from elad.errors import EladError, InputError
from elad.report.html import SCRIPTS, asset, environment
from elad.view.guard import Guard
from elad.view.looking import Look
from elad.view.overlay import Overlay
from elad.view.runs import WatchedRun

_LIVE = ("live.js",)
_PEOPLE = ("text.js", "people.js")
_ASSETS = {"page.css": "text/css", **dict.fromkeys((*SCRIPTS, *_LIVE, *_PEOPLE), "text/javascript")}

_LARGEST = 4 * 2**20
"""Bytes of what a page may send."""

_LOOK_EVERY = 1.0
"""Seconds between two looks at a run that somebody watches."""

_SIGN_EVERY = 15
"""Looks without news after which a sign of life is sent."""


class View:
    """The pages of some runs. Raises RunFolderError where a folder holds none."""

    def __init__(self, folders: Sequence[Path], host: str = "127.0.0.1") -> None:
        self.runs = [WatchedRun(folder) for folder in folders]
        self.overlay = Overlay(self.runs)
        self.guard = Guard(host)
        self._leaving = asyncio.Event()

    def app(self) -> web.Application:
        """The application, to be served."""
        app = web.Application(client_max_size=_LARGEST, middlewares=[self.guard.middleware, _in_a_sentence])
        app.on_response_prepare.append(self.guard.on_prepare)
        app.on_shutdown.append(self._leave)
        app.add_routes(
            [
                web.get("/{token}/", self._first),
                web.get("/{token}/events", self._overlay_events),
                web.get("/{token}/{file}", self._asset),
                web.get("/{token}/runs/{run}/", self._run),
                web.get("/{token}/runs/{run}/events", self._run_events),
                web.get("/{token}/runs/{run}/people/", self._people),
                web.post("/{token}/runs/{run}/people/{act}", self._act),
                web.get("/{token}/runs/{run}/explanations/{round}", self._explanations),
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
        return _page("several.html", root=".", scripts=_LIVE, **told)

    async def _asset(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        if name not in _ASSETS:
            raise web.HTTPNotFound(text="There is nothing at this address.\n")
        return web.Response(text=asset(name), content_type=_ASSETS[name], charset="utf-8")

    async def _run(self, request: web.Request) -> web.Response:
        told = await asyncio.to_thread(self._asked_for(request).told)
        several = len(self.runs) > 1
        return _page("run.html", root="../..", scripts=(*SCRIPTS, *_LIVE), several=several, revisions=[], **told)

    async def _people(self, request: web.Request) -> web.Response:
        name = self._asked_for(request).folder.name
        return _page("people.html", root="../../..", scripts=_PEOPLE, name=name)

    async def _act(self, request: web.Request) -> web.Response:
        return await self._asked_for(request).queue.act(request)

    async def _explanations(self, request: web.Request) -> web.Response:
        run, number = self._asked_for(request), request.match_info["round"]
        if not number.isascii() or not number.isdigit() or len(number) > 9:
            raise web.HTTPNotFound(text="There is no such round.\n")
        packed = await asyncio.to_thread(run.explanations, int(number))
        return web.Response(body=packed, content_type="application/json", headers={"Content-Encoding": "gzip"})

    async def _run_events(self, request: web.Request) -> web.StreamResponse:
        return await self._events(request, self._asked_for(request).look())

    async def _overlay_events(self, request: web.Request) -> web.StreamResponse:
        return await self._events(request, self.overlay.look())

    async def _events(self, request: web.Request, look: Look) -> web.StreamResponse:
        """Server-sent events: the sections of a page that have changed, as HTML by their names."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        quiet = 0
        while not self._leaving.is_set():
            news = await asyncio.to_thread(look.news)
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
        number = request.match_info["run"]
        if not (number.isascii() and number.isdigit() and int(number) < len(self.runs)):
            raise web.HTTPNotFound(text="There is no such run here.\n")
        return self.runs[int(number)]


@web.middleware
async def _in_a_sentence(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """What goes wrong with a run's files is said, without a traceback."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except EladError as error:
        return web.Response(status=409, text=f"{error}\n")


def _page(template: str, **told: Any) -> web.Response:
    html = environment().get_template(template).render(**told)
    return web.Response(text=html, content_type="text/html", charset="utf-8")


_PORT = 7321
"""Where it listens unless told, so that what a browser keeps of a page is there next time."""


async def serve(folders: Sequence[Path], host: str, port: int | None, ready: Callable[[str], None]) -> None:
    """Serve until cancelled; `ready` is told the address. Raises InputError where the port can't be had."""
    view = View(folders, host)
    runner = web.AppRunner(view.app(), access_log=None, shutdown_timeout=2.0, handler_cancellation=True)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        bound = runner.addresses[0]
        name = f"[{host}]" if ":" in host else host
        ready(f"http://{name}:{bound[1]}/{view.guard.token}/")
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int | None) -> None:
    for wanted in (port,) if port is not None else (_PORT, 0):
        try:
            await web.TCPSite(runner, host, wanted).start()
        except OSError as error:
            failed = error
        else:
            return
    raise InputError(f"{host} can't be listened at: {failed.strerror}. Name another --host or --port.") from failed
