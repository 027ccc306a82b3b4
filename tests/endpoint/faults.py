"""What goes wrong with a try and passes: the same request is answered in the end, and what failed was not billed."""

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

SLOW = 2.5
"""Seconds of the slow ones; a client that waits for less gives up."""


def _status(number: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def fail(handler: BaseHTTPRequestHandler) -> None:
        _send(handler, b'{"error": {"message": "busy"}}', status=number, headers=headers)

    return fail


def _body(body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: _send(handler, body)


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def _cut_off(handler: BaseHTTPRequestHandler) -> None:
    _send(handler, b'{"choices": [{"message": ', length=1000)
    handler.close_connection = True


def _slow_bytes(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, so that no single wait is long."""
    _send(handler, b"", length=1000)
    handler.close_connection = True
    for _ in range(5):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(SLOW / 5)


def _silence(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(SLOW)
    handler.close_connection = True


def _send(
    handler: BaseHTTPRequestHandler,
    body: bytes,
    status: int = 200,
    length: int | None = None,
    headers: dict[str, str] | None = None,
) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


CERTAIN = {
    "429": _status(429),
    "429 with a time": _status(429, Retry_After="0.01"),
    "429 with headers": _status(429, x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="20ms"),
    "500": _status(500),
    "502": _status(502),
    "503": _status(503),
    "garbage": _body(b"<html>it works</html>"),
}
"""Those that an endpoint answers with a status, or somebody else in its place: it billed nothing."""

UNCERTAIN = {
    "reset": _reset,
    "cut off": _cut_off,
    "silence": _silence,
    "slow bytes": _slow_bytes,
    "504": _status(504),
    "not an object": _body(b"[]"),
    "nothing": _body(b""),
    "no choices": _body(b'{"choices": []}'),
    "no message": _body(b'{"choices": [{"index": 0}]}'),
    "truncated JSON": _body(b'{"choices": [{"mess'),
}
"""Those of which a client can't know that they were not billed."""

FAULTS = CERTAIN | UNCERTAIN
