"""One request over HTTP, and what was heard: the only file that knows the library.

aiohttp takes a third of the processor time a request that httpx does, and a night of asking has many requests.
"""

import asyncio
import os
import re
import ssl
import urllib.request
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

import aiohttp

from elad.errors import reason_of
from elad.teacher.retry import Failed

_CONNECT = 30.0
"""Seconds to get through to a server."""

_HEADER = 65536
"""Bytes that a header may have: a good answer is not to fail for a long cookie."""


class Heard(NamedTuple):
    """An answer: its status, its body as text, and its headers, whose names are in small letters."""

    status: int
    text: str
    headers: Mapping[str, str] = {}


class Line:
    """Connections to what lies below a URL, up to so many. Used in an `async with` block."""

    def __init__(self, url: str, connections: int) -> None:
        """Raises Failed where the environment names a proxy that is spoken to in another way."""
        self._url = url
        self._proxy = _proxy(url)
        self._connections = connections

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=self._connections, ssl=_certificates())
        self._session = aiohttp.ClientSession(connector=connector, max_line_size=_HEADER, max_field_size=_HEADER)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def request(
        self, method: str, path: str, headers: Mapping[str, str], *, within: float, **content: Any
    ) -> Heard:
        """Ask, and hear the answer to its end; `within`: seconds for all of it. Redirects are not followed.

        `content`: what aiohttp takes (json, data, params). Raises Failed where nothing, or not all of it, was heard.
        """
        patience = aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT, within / 2))
        try:
            async with (
                asyncio.timeout(within),
                self._session.request(
                    method,
                    f"{self._url}/{path}",
                    headers=headers,
                    proxy=self._proxy,
                    allow_redirects=False,
                    timeout=patience,
                    **content,
                ) as answer,
            ):
                text = (await answer.read()).decode("utf-8", "replace")
                return Heard(answer.status, text, {name.lower(): value for name, value in answer.headers.items()})
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Failed(_told(error), uncertain=_may_have_been_heard(error)) from error


def upload(fields: Mapping[str, str], name: str, content: bytes) -> aiohttp.FormData:
    """A form with fields and a file, as `data` of a request."""
    form = aiohttp.FormData(dict(fields))
    form.add_field("file", content, filename=name, content_type="application/jsonl")
    return form


def _may_have_been_heard(error: Exception) -> bool:
    """Whether a request may have reached the server though no answer came of it."""
    never = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
    return not isinstance(error, (*never, ValueError))


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for an address; aiohttp's own look at it would take keys from ~/.netrc."""
    parts, named = urlsplit(url), urllib.request.getproxies()
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    proxy = named.get(parts.scheme) or named.get("all")
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    if proxy and not proxy.startswith(("http://", "https://")):
        raise Failed(
            f"the environment names a proxy of kind {proxy.partition(':')[0]}, and only HTTP proxies are spoken to"
        )
    return proxy


def _certificates() -> ssl.SSLContext:
    """Whose word is taken for a server: SSL_CERT_FILE's, certifi's where it is installed, else the system's."""
    try:
        import certifi

        known: str | None = certifi.where()
    except ImportError:
        known = None
    return ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or known)


def _told(error: Exception) -> str:
    """What went wrong, without a proxy's password."""
    if isinstance(error, aiohttp.ClientResponseError):
        return f"{type(error).__name__}: {error.status} {error.message}"
    told = f"{type(error).__name__}: {reason_of(error)}" if str(error) else type(error).__name__
    return re.sub(r"//[^/@\s]*@", "//", told)
