"""A student's evidence from a server of its own, which batches and shares prefixes by itself: vLLM, or one like it.

    student:
      model: Qwen/Qwen2.5-1.5B
      served: {command: "/opt/vllm/bin/vllm serve {model} --port {port} --generation-config vllm"}

The server runs in an environment of its own, so its libraries need not agree with ours. It is started when something is
to be written, on the weights that the student has then, and stopped before they change. It has to speak vLLM's dialect
of OpenAI's completions: token ids in and out, log-probabilities of the written and of the prompt's tokens.
"""

import atexit
import json
import math
import shlex
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from elad.errors import InputError
from elad.progress import say
from elad.student.decode import Continuation, Greedy, Mark
from elad.student.likelihood import Reading
from elad.student.source import Served

_TOP = 20
"""Likeliest tokens that are asked for; vLLM tells no more unless it is told to."""


class Server:
    """A server that runs. Raises InputError when it does not start, or a request is not answered as it has to be.

    `scratch`: a folder that goes when the server does.
    """

    def __init__(
        self, served: Served, model: Path | str, scratch: "tempfile.TemporaryDirectory[str] | None" = None
    ) -> None:
        self._served = served
        self._scratch = scratch
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}/v1"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the server is
        command = [part.format(model=model, port=port) for part in shlex.split(served.command)]
        try:
            self._process = subprocess.Popen(
                command, stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            self._log.close()
            raise InputError(f"student.served.command: {command[0]!r} can't be started ({error.strerror})") from error
        atexit.register(self.stop)
        say(f"  starting {command[0]}")
        self._name = self._begin()

    def _begin(self) -> str:
        """Wait until it answers; the name by which it calls the model."""
        until = time.monotonic() + self._served.patience
        while self._process.poll() is None and time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self._url}/models", timeout=5) as reply:
                    return str(json.load(reply)["data"][0]["id"])
            except (OSError, ValueError, LookupError):
                time.sleep(0.2)
        ended, words = self._process.poll(), self._last_words()
        self.stop()
        said = "did not answer in time" if ended is None else f"ended with {ended}"
        raise InputError(f"student.served.command: the server {said}. The end of what it said:\n{words}")

    def stop(self) -> None:
        """End it; an ended one is left alone."""
        atexit.unregister(self.stop)
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()
        if self._scratch:
            self._scratch.cleanup()

    def write(
        self, continuations: Iterable[Continuation], ends: frozenset[int], temperature: float
    ) -> Iterator[Continuation]:
        """Each continuation, and each that joined one, as it ends."""
        with ThreadPoolExecutor(self._served.together) as pool:

            def ask(some: Iterable[Continuation]) -> set[Future[Continuation]]:
                return {pool.submit(self._written, continuation, ends, temperature) for continuation in some}

            under_way = ask(continuations)
            try:
                while under_way:
                    ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for continuation in (future.result() for future in ended):
                        under_way |= ask(_joined(continuation))
                        yield continuation
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def loglikelihoods(self, readings: Sequence[Reading]) -> list[float]:
        """The log-probability of each target behind its context, in nats."""
        with ThreadPoolExecutor(self._served.together) as pool:
            return list(pool.map(self._read, readings))

    def _written(self, continuation: Continuation, ends: frozenset[int], temperature: float) -> Continuation:
        rolls = continuation.rolls
        choice = self._ask(
            {
                "prompt": continuation.prompt,
                "max_tokens": continuation.most,
                "temperature": temperature if rolls else 0.0,
                "seed": int(rolls[0] * 2**31) if rolls else 0,
                "logprobs": 1 if rolls else _TOP,
                "stop_token_ids": sorted(ends),
                "top_p": 1.0,
                "top_k": -1,
            }
        )
        try:
            told = choice["logprobs"]
            for token, logprob, top in zip(told["tokens"], told["token_logprobs"], told["top_logprobs"], strict=True):
                mark = None if rolls else _mark(logprob, top)
                if not continuation.take(_id(token), ends, Greedy(_id(token), mark, None) if mark else None):
                    break
        except (LookupError, TypeError, ValueError) as error:
            raise self._misunderstood("/completions tells no `logprobs` by token ids") from error
        return continuation

    def _read(self, reading: Reading) -> float:
        prompt = [*reading.context, *reading.target]
        choice = self._ask({"prompt": prompt, "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 0})
        try:
            told = choice["prompt_logprobs"][len(reading.context) :]
            return math.fsum(
                float(of_token[str(token)]["logprob"]) for of_token, token in zip(told, reading.target, strict=True)
            )
        except (LookupError, TypeError, ValueError) as error:
            raise self._misunderstood("/completions tells no `prompt_logprobs`") from error

    def _ask(self, request: dict[str, Any]) -> Any:
        body = {"model": self._name, "return_tokens_as_token_ids": True, **request}
        asked = urllib.request.Request(
            f"{self._url}/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=self._served.patience) as reply:
                return json.load(reply)["choices"][0]
        except (OSError, ValueError, LookupError) as error:
            detail = error.read().decode(errors="replace")[:500] if hasattr(error, "read") else ""
            raise self._misunderstood(f"a request failed ({error}) {detail}") from error

    def _misunderstood(self, what: str) -> InputError:
        return InputError(
            f"student.served: {what}. Expected: a server that speaks as vLLM does.\nThe end of what it said:\n"
            f"{self._last_words()}"
        )

    def _last_words(self) -> str:
        self._log.seek(max(0, self._log.seek(0, 2) - 2000))
        return self._log.read().decode(errors="replace")


def _joined(continuation: Continuation) -> list[Continuation]:
    """What would have joined a greedy text on its way: it is gone through again, token by token."""
    if continuation.joined is None:
        return []
    tokens, marks = continuation.tokens, continuation.marks
    joined: list[Continuation] = []
    for stop in range(1, len(tokens)):
        continuation.tokens, continuation.marks = tokens[:stop], marks[:stop]
        joined += continuation.joined(continuation)
    continuation.tokens, continuation.marks = tokens, marks
    return joined


def _mark(logprob: float, top: dict[str, float]) -> Mark:
    """What a token came from, as far as the likeliest tokens say: all others count as one."""
    chances = sorted((math.exp(value) for value in top.values()), reverse=True)
    parts = [*chances, max(0.0, 1.0 - math.fsum(chances))]
    entropy = -math.fsum(chance * math.log(chance) for chance in parts if chance > 0)
    return Mark(float(logprob), entropy, chances[0] - (chances[1] if len(chances) > 1 else 0.0))


def _id(token: str) -> int:
    """`token_id:17` is 17."""
    return int(token.removeprefix("token_id:"))
