"""Who may look: whoever has the token, from a page of ours, at an address of ours.

The token stands in the path, so that every link of a page carries it, and it is kept in no cookie (which would go to
every other port of this machine too). Host and Origin are checked beside it: a page elsewhere that a browser was led
to can neither read nor write here, whatever name it gives this machine (DNS rebinding).
"""

import hmac
import re
import secrets
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


EVERYWHERE = {"0.0.0.0", "::"}
"""Addresses that stand for all of a machine's."""


class Guard:
    """The token, and what is done to every request. `names`: by which names of this machine it may be asked for."""

    def __init__(self, host: str) -> None:
        self.token = secrets.token_urlsafe(24)
        names = {"localhost", "127.0.0.1", "::1", host}
        if not is_loopback(host):
            names |= {socket.gethostname(), socket.getfqdn()}
        self._names = {name.lower() for name in names}
        self._any_address = host in EVERYWHERE

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse, or answer with the headers that keep a page to itself."""
        why = self._refuses(request)
        if why:
            return web.Response(status=403, text=f"Refused: {why}.\n", headers=HEADERS)
        return await handler(request)

    async def on_prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put the headers on whatever is answered, errors included."""
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)

    def _refuses(self, request: web.Request) -> str | None:
        if not self._is_ours(request.host):
            return "this is not a name of this machine that it answers to"
        origin = request.headers.get("Origin")
        if origin not in (None, f"{request.scheme}://{request.host}"):
            return "the page that asks is not one of these"
        if origin is None and request.method not in {"GET", "HEAD"}:
            return "what changes something must come from one of these pages"
        token = request.path.split("/")[1]
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return "the address lacks the token that `elad view` printed"
        return None

    def _is_ours(self, host: str) -> bool:
        # any port: the other end of a tunnel may have another
        found = re.fullmatch(r"\[?([^\[\]]+?)\]?(?::\d{1,5})?", host)
        name = found[1].lower() if found else ""
        return name in self._names or (self._any_address and _is_address(name))


def is_loopback(host: str) -> bool:
    """Whether only this machine can ask at an address."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
