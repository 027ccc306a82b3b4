"""A server that speaks vLLM's dialect of OpenAI's completions, with the students that ship with the package.

    python -m tests.completions MODEL PORT [--mute]

It is told token ids and tells token ids, log-probabilities and those of the prompt; with --mute it tells none of these.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

from elad.student import Student

STUDENT = Student.load(sys.argv[1])
MUTE = "--mute" in sys.argv
ONE_AT_A_TIME = threading.Lock()


@torch.inference_mode()
def complete(request: dict[str, Any]) -> dict[str, Any]:
    """A choice, as vLLM gives it."""
    ids, dice = list(request["prompt"]), torch.Generator().manual_seed(request.get("seed", 0))
    told: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": []}
    prompt_logprobs = None
    if "prompt_logprobs" in request:
        logprobs = STUDENT.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        of = [{str(token): {"logprob": float(logprobs[n, token])}} for n, token in enumerate(ids[1:])]
        prompt_logprobs = [None, *of]
    for _ in range(request["max_tokens"]):
        logits = STUDENT.model(torch.tensor([ids])).logits[0, -1]
        logprobs = logits.log_softmax(-1)
        heat = request["temperature"]
        token = int(torch.multinomial((logits / heat).softmax(-1), 1, generator=dice)) if heat else int(logits.argmax())
        top = logprobs.topk(max(1, request.get("logprobs", 1)))
        named = {f"token_id:{id}": value for id, value in zip(top.indices.tolist(), top.values.tolist(), strict=True)}
        told["tokens"].append(f"token_id:{token}")
        told["token_logprobs"].append(float(logprobs[token]))
        told["top_logprobs"].append({**named, f"token_id:{token}": float(logprobs[token])})
        if token in request.get("stop_token_ids", STUDENT.ends):
            break
        ids.append(token)
    return {"logprobs": None if MUTE else told, "prompt_logprobs": None if MUTE else prompt_logprobs}


class Handler(BaseHTTPRequestHandler):
    """Answers GET /v1/models and POST /v1/completions."""

    def do_GET(self) -> None:
        self._tell({"data": [{"id": sys.argv[1]}]})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with ONE_AT_A_TIME:
            self._tell({"choices": [complete(request)]})

    def _tell(self, reply: object) -> None:
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Takes as many connections as clients open."""

    request_queue_size = 128


if __name__ == "__main__":
    torch.set_num_threads(1)
    Server(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
