"""An OpenAI-compatible endpoint on loopback, as light as can be: answers are made ahead, and HTTP is written by hand.

It answers a request it knows after a fixed time, counts by question the answers that went out whole, and can be told to
hold (to accept, and not to answer) whatever comes after so many requests. Orders: POST /reset, POST /hold?after=1000,
POST /release, GET /state.
"""

import argparse
import asyncio
import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Endpoint:
    """What is known, what was answered and what is held."""

    def __init__(self, exercise: Path, latency: float) -> None:
        self.latency = latency
        self.known: dict[str, tuple[str, bytes]] = {}
        with exercise.open() as lines:
            for row in map(json.loads, lines):
                self.known[_name(row["messages"])] = row["id"], _response(200, _completion(row["reply"]))
        self.reset()

    def reset(self) -> None:
        """Forget all that happened."""
        self.hold_after: int | None = None
        self.held: list[tuple[Connection, str, bytes]] = []
        self.accepted = self.unknown = 0
        self.answered: Counter[str] = Counter()
        self.first: float | None = None
        self.last: float | None = None

    def order(self, method: str, path: str) -> bytes:
        """Whatever is no question: orders, and the list of models."""
        where, _, after = path.partition("?after=")
        if where == "/reset":
            self.reset()
        elif where == "/hold":
            self.hold_after = int(after)
        elif where == "/release":
            self.hold_after = None
            for held in self.held:
                self.answer(*held)
            self.held = []
        elif where == "/state":
            return _response(200, self._state())
        elif (method, where) != ("GET", "/v1/models"):
            return _response(404, {"error": {"message": f"there is no {where} here"}})
        return _response(200, {"object": "list", "data": []})

    def _state(self) -> dict[str, Any]:
        seconds = self.last - self.first if self.first and self.last else None
        return {
            "held": len(self.held),
            "unknown": self.unknown,
            "seconds": seconds,
            "answered": self.answered,
        }

    def ask(self, connection: "Connection", messages: list[dict[str, Any]]) -> None:
        """Answer a question in time, hold it, or say at once that it is unknown."""
        if not (found := self.known.get(_name(messages))):
            self.unknown += 1
            connection.write(_response(400, {"error": {"message": "these messages are not of the exercise"}}))
            return
        self.first = self.first or time.perf_counter()
        self.accepted += 1
        if self.hold_after is not None and self.accepted > self.hold_after:
            self.held.append((connection, *found))
        else:
            asyncio.get_running_loop().call_later(self.latency, self.answer, connection, *found)

    def answer(self, connection: "Connection", id: str, response: bytes) -> None:
        """Send an answer, and count it unless there is nobody to take it."""
        if connection.write(response):
            self.answered[id] += 1
            self.last = time.perf_counter()


class Connection(asyncio.Protocol):
    """One connection that is kept alive; its requests come one after the other."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._transport: asyncio.Transport | None = None
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is somebody."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read what is there whole."""
        self._came += data
        while (end := self._came.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._came, 0, end)
            stop = end + 4 + (int(length[1]) if length else 0)
            if len(self._came) < stop:
                return
            method, path = self._came[: self._came.index(b"\r\n")].decode().split(" ")[:2]
            body, self._came = self._came[end + 4 : stop], self._came[stop:]
            if path == "/v1/chat/completions":
                self._endpoint.ask(self, json.loads(body)["messages"])
            else:
                self.write(self._endpoint.order(method, path))

    def write(self, response: bytes) -> bool:
        """Send, and tell whether there was anybody to send to."""
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(response)
        return True


def _name(messages: list[dict[str, Any]]) -> str:
    return json.dumps([[message["role"], message["content"]] for message in messages])


def _completion(reply: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": reply}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 400, "completion_tokens": 60, "total_tokens": 460}
    completion = {"id": "completion", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
    return {**completion, "choices": [choice], "usage": usage}


def _response(status: int, content: object) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def serve(exercise: Path, latency: float) -> None:
    """Serve at a free port, which is printed, until killed."""
    endpoint = Endpoint(exercise, latency)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(endpoint), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exercise", type=Path)
    parser.add_argument("--latency", type=float, default=0.05)
    options = parser.parse_args()
    asyncio.run(serve(options.exercise, options.latency))


if __name__ == "__main__":
    main()
