"""An OpenAI-compatible endpoint that answers as the solver teacher would, and fails as endpoints do, by a plan."""

import asyncio
import hashlib
import json
import random
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

from elad.teacher import Request, Solver

KEY = "sk-secret-of-the-test"

FAULTS = (
    "429", "429 with a time", "500", "502", "503", "reset", "cut off", "garbage", "no choices", "truncated JSON",
)  # fmt: skip
"""All of them pass: the same request is answered in the end, and what failed was not billed."""


class SolverEndpoint:
    """In a `with` block it serves on loopback. `share` of the tries fail; `billed`: answers that went out, by name."""

    def __init__(self, share: float = 0.0, seed: int = 0) -> None:
        self.share = share
        self.seed = seed
        self.always: tuple[int, dict[str, Any]] | None = None
        self.in_turn: list[tuple[int, str]] = []
        self.without_usage = False
        self.babbles = 0
        self.tries: Counter[str] = Counter()
        self.billed: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []

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

    def fault(self, name: str) -> str | None:
        """What goes wrong with this try of a request, if anything does."""
        self.tries[name] += 1
        dice = random.Random(f"{self.seed}/{name}/{self.tries[name]}")
        return dice.choice(FAULTS) if dice.random() < self.share else None


class _Server(ThreadingHTTPServer):
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    endpoint: ClassVar[SolverEndpoint]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._tell(200, {"data": []}) if self._known() else self._tell(401, self._no_such_key())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        endpoint = self.endpoint
        endpoint.bodies.append(body)
        name = hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()
        if not self._known():
            return self._tell(401, self._no_such_key())
        if endpoint.in_turn:
            endpoint.tries[name] += 1
            status, said = endpoint.in_turn.pop(0)
            return self._tell(status, {"error": {"message": said}})
        if endpoint.always:
            endpoint.tries[name] += 1
            return self._tell(*endpoint.always)
        if fault := endpoint.fault(name):
            endpoint.failed[fault] += 1
            return self._fail(fault)
        answer = self._answer(body)
        endpoint.billed[name] += 1
        return self._tell(200, answer)

    def _no_such_key(self) -> dict[str, Any]:
        return {"error": {"message": f"no such key: {self.headers.get('Authorization')}"}}

    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {KEY}"

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        limit = body.get("max_completion_tokens") or body["max_tokens"]
        request = Request.model_validate({"messages": body["messages"], "max_output_tokens": limit})
        reply = asyncio.run(Solver(world="arithmetic").ask(request))
        if len(body["messages"]) < 2 + 2 * self.endpoint.babbles:
            reply = reply.model_copy(update={"text": "Well, let me think about it."})
        usage = {"prompt_tokens": reply.usage.input_tokens, "completion_tokens": reply.usage.output_tokens}
        choice = {"message": {"role": "assistant", "content": reply.text}, "finish_reason": "stop"}
        return {"choices": [choice], **({} if self.endpoint.without_usage else {"usage": usage})}

    def _fail(self, fault: str) -> None:
        if fault == "reset":
            self.close_connection = True
        elif fault == "cut off":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"choices": [{"message": ')
            self.close_connection = True
        elif fault == "garbage":
            self._tell(200, b"<html>it works</html>")
        elif fault == "no choices":
            self._tell(200, {"choices": []})
        elif fault == "truncated JSON":
            self._tell(200, b'{"choices": [{"mess')
        else:
            timed = {"Retry-After": "0.01"} if fault == "429 with a time" else {}
            self._tell(int(fault[:3]), {"error": {"message": "busy"}}, timed)

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
