"""The server: threads, HTTP/1.1, a key."""

import asyncio
import hashlib
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

from elad.teacher import Request, Solver
from tests.endpoint.batches import Batches
from tests.endpoint.faults import FAULTS

KEY = "sk-secret-of-the-test"


class SolverEndpoint:
    """In a `with` block it serves on loopback. `share` of the tries fail, in turn by every fault.

    `billed`: answers that went out, by the content of what was asked. `extra`: what answers have beside.
    """

    def __init__(self, share: float = 0.0, seed: int = 0) -> None:
        self.share = share
        self.seed = seed
        self.faults: Sequence[str] = list(FAULTS)
        self._faulty = 0
        self.always: tuple[int, dict[str, Any]] | None = None
        self.in_turn: list[tuple[int, str]] = []
        self.without_usage = False
        self.key = KEY
        self.models: object = {"data": []}
        self.poison: str | None = None
        self.fails_after: int | None = None
        self.failure = 403
        self.extra: dict[str, Any] = {}
        self.knows: Callable[[dict[str, Any]], str | None] = lambda body: None
        self.babbles = 0
        self.babble = "Well, let me think about it."
        self.tries: Counter[str] = Counter()
        self.billed: Counter[str] = Counter()
        self.billed_tokens = 0
        self.failed: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.batches: Batches | None = Batches(self.bill)

    def __enter__(self) -> Self:
        handler = type("Bound", (_Handler,), {"endpoint": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def bill(self, body: dict[str, Any]) -> dict[str, Any]:
        """Work on what is asked, for money."""
        limit = body.get("max_completion_tokens") or body["max_tokens"]
        request = Request.model_validate({"messages": body["messages"], "max_output_tokens": limit})
        reply = asyncio.run(Solver(world="arithmetic").ask(request))
        said = reply.raw
        if len(body["messages"]) < 2 + 2 * self.babbles:
            said = self.babble
        usage = {"prompt_tokens": reply.usage.input_tokens, "completion_tokens": reply.usage.output_tokens}
        choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        self.billed[name_of(body)] += 1
        self.billed_tokens += reply.usage.tokens
        return {"choices": [choice], **({} if self.without_usage else {"usage": usage}), **self.extra}

    def fault(self, name: str) -> str | None:
        """What goes wrong with this try of a request, if anything does."""
        self.tries[name] += 1
        dice = random.Random(f"{self.seed}/{name}/{self.tries[name]}")
        if dice.random() >= self.share:
            return None
        self._faulty += 1
        return self.faults[self._faulty % len(self.faults)]


def name_of(body: dict[str, Any]) -> str:
    """What a request is counted by: its content."""
    return hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    endpoint: ClassVar[SolverEndpoint]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body go out one behind the other

    def do_GET(self) -> None:
        if not self._known():
            return self._tell(401, self._no_such_key())
        return self._tell(200, self.endpoint.models) if self.path == "/v1/models" else self._batches("GET", b"")

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/v1/chat/completions":
            return self._batches("POST", content)
        body = json.loads(content)
        endpoint = self.endpoint
        endpoint.bodies.append(body)
        name = name_of(body)
        if not self._known():
            return self._tell(401, self._no_such_key())
        if complaint := endpoint.knows(body):
            return self._tell(400, {"error": {"message": complaint}})
        if endpoint.in_turn:
            endpoint.tries[name] += 1
            status, said = endpoint.in_turn.pop(0)
            return self._tell(status, {"error": {"message": said}})
        if endpoint.poison == body["messages"][1]["content"]:
            return self._tell(500, {"error": {"message": "it makes the server fall"}})
        if endpoint.fails_after is not None and sum(endpoint.billed.values()) >= endpoint.fails_after:
            endpoint.tries[name] += 1
            return self._tell(endpoint.failure, {"error": {"message": "no more"}})
        if endpoint.always:
            endpoint.tries[name] += 1
            return self._tell(*endpoint.always)
        if fault := endpoint.fault(name):
            endpoint.failed[fault] += 1
            return FAULTS[fault](self)
        return self._tell(200, endpoint.bill(body))

    def _batches(self, method: str, content: bytes) -> None:
        batches = self.endpoint.batches
        if batches is None:
            return self._tell(404, {"error": {"message": "not here"}})
        answer = batches.serve(method, self.path, self.headers.get("Content-Type", ""), content)
        fault = batches.spoils()
        return FAULTS[fault](self) if fault else self._tell(*answer)

    def _no_such_key(self) -> dict[str, Any]:
        return {"error": {"message": f"no such key: {self.headers.get('Authorization')}"}}

    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.endpoint.key}"

    def _tell(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
