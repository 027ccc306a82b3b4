"""The teacher that is paid: a large model behind an OpenAI-compatible endpoint.

Only fields that such endpoints take widely are sent; what differs between them is declared in the recipe. The key is
read from the environment when a call is made and is kept nowhere.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal

import httpx2
from pydantic import Field, PrivateAttr

from elad.budget import Usage
from elad.errors import TeacherError, TeacherRefuses
from elad.teacher.messages import Request
from elad.teacher.retry import Refused, Retry
from elad.teacher.teacher import Reply, Teacher
from elad.teacher.throttle import Throttle

_OPENAI = "https://api.openai.com/v1"

_OF_THE_QUESTION = re.compile(
    r"context[_ ](length|size|window)|exceed_context|too long|content_(filter|policy)|content management", re.IGNORECASE
)
"""What endpoints say where it is the question that they can't take."""

_HANDS_OFF = "Nothing that was answered is lost: mend that, and the same command goes on."


class Endpoint(Teacher):
    """A model behind `base_url` (or OPENAI_BASE_URL), with the key in the environment variable `key_from`.

    `reply`: how JSON is asked for; `text` where the endpoint knows no `response_format`. `limit`: what it calls the
    cap on a reply's tokens. `temperature`, `seed` and `reasoning_effort` are sent where they are set. `timeout`:
    seconds for one try. What fails for now is tried `tries` times, over some five minutes. Up to
    `concurrency` calls are under way at a time, fewer where the endpoint says that these are too many.
    """

    kind: Literal["openai"] = "openai"
    model: str
    base_url: str | None = None
    key_from: str = "OPENAI_API_KEY"
    reply: Literal["json_object", "text"] = "json_object"
    limit: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    temperature: float | None = Field(None, ge=0)
    seed: int | None = None
    reasoning_effort: str | None = None
    timeout: float = Field(120.0, gt=0)
    tries: int = Field(12, gt=0)

    metered: ClassVar[bool] = True

    _client: httpx2.AsyncClient | None = PrivateAttr(None)
    _throttle: Throttle | None = PrivateAttr(None)
    _stopped: asyncio.Event | None = PrivateAttr(None)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return (self.base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI).rstrip("/")

    @property
    def at_a_time(self) -> int:
        """As many calls as the endpoint has borne of late."""
        return int(self._throttle.limit) if self._throttle else self.concurrency

    def ready(self) -> None:
        """Ask, for free, whether the endpoint is there and takes the key. Raises TeacherError."""
        try:
            said = httpx2.get(f"{self.url}/models", headers=self._headers(), timeout=min(self.timeout, 30.0))
        except (httpx2.HTTPError, httpx2.InvalidURL, ImportError, ValueError, OSError) as error:
            told = self._clean(_brief(error))
            raise TeacherRefuses(f"teacher.base_url: {self.url} can't be reached ({told}).") from None
        if said.status_code in (401, 403):
            raise self._refused(said)

    def identity(self) -> dict[str, Any]:
        """Where and what is asked, and how; not the key, and not how patiently."""
        patience = {"key_from", "timeout", "tries", "base_url"}
        return {name: value for name, value in super().identity().items() if name not in patience} | {"url": self.url}

    def bound(self, request: Request) -> Usage:
        """The most that a request can cost: no token has less than a byte, and turns are marked by a few tokens."""
        asked = sum(len(message.content.encode()) + 16 for message in request.messages) + 16
        return Usage(calls=1, input_tokens=asked, output_tokens=request.max_output_tokens)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[None]:
        """Connections for as many calls as are under way at a time."""
        limits = httpx2.Limits(max_connections=self.concurrency, max_keepalive_connections=self.concurrency)
        try:
            client = httpx2.AsyncClient(timeout=self.timeout, limits=limits)
        except (ImportError, ValueError, OSError) as error:  # what proxies and certificates of the environment raise
            raise TeacherRefuses(f"no connection can be made with this environment ({_brief(error)}).") from error
        async with client:
            self._client, self._stopped = client, asyncio.Event()
            self._throttle = self._throttle or Throttle(self.concurrency)
            try:
                yield
            finally:
                self._client = self._stopped = None

    def stop(self) -> None:
        """No call is to be tried again."""
        if self._stopped:
            self._stopped.set()

    async def ask(self, request: Request) -> Reply:
        """Ask once, and again where it failed for now.

        Raises TeacherRefuses where it will not answer anything and billed nothing, TeacherError where it may have.
        """
        assert self._throttle, "asked within a session"
        assert self._stopped
        retry, uncertain = Retry(self.tries, self._stopped), False
        while True:
            try:
                with self._throttle as filled:
                    reply = await self._try(request)
                if filled:
                    self._throttle.went_well()
            except TeacherRefuses as error:
                if uncertain:
                    raise TeacherError(str(error)) from error
                raise
            except (httpx2.RequestError, TimeoutError, Refused) as error:
                if isinstance(error, Refused) and error.too_many:
                    self._throttle.was_too_much()
                uncertain = uncertain or _may_have_been_billed(error)
                if not await retry.again(error):
                    kind = TeacherError if uncertain else TeacherRefuses
                    raise kind(
                        self._clean(f"{self.url} did not answer (last: {_brief(error)}). {_HANDS_OFF}")
                    ) from None
            else:
                return reply

    async def _try(self, request: Request) -> Reply:
        assert self._client, "asked within a session"
        async with asyncio.timeout(self.timeout):
            said = await self._client.post(
                f"{self.url}/chat/completions", json=self._body(request), headers=self._headers()
            )
        return self._read(said, request)

    def _body(self, request: Request) -> dict[str, Any]:
        body = {
            "model": self.model,
            "messages": [message.model_dump() for message in request.messages],
            self.limit: request.max_output_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            "reasoning_effort": self.reasoning_effort,
            "response_format": None if self.reply == "text" else {"type": self.reply},
        }
        return {name: value for name, value in body.items() if value is not None}

    def _key(self) -> str | None:
        key = os.environ.get(self.key_from, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise TeacherRefuses(f"{self.key_from} in the environment is no key: it holds characters that none has.")
        if not key and self.url == _OPENAI:
            raise TeacherRefuses(f"there is no key: set {self.key_from} in the environment, or name teacher.base_url.")
        return key or None

    def _headers(self) -> dict[str, str]:
        key = self._key()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _clean(self, told: str) -> str:
        """What is told, without the key, should an endpoint repeat it."""
        key = self._key()
        return told.replace(key, "(the key)") if key else told

    def _read(self, said: httpx2.Response, request: Request) -> Reply:
        """The reply in an answer. Raises Refused where another try may help, TeacherRefuses where none does."""
        if said.status_code in (408, 409, 429) or said.status_code >= 500:
            if "insufficient_quota" in said.text:
                raise self._refused(said)
            raise Refused(
                f"status {said.status_code}", said.headers.get("retry-after"), too_many=said.status_code in (429, 503)
            )
        if said.status_code in (400, 413, 422) and _OF_THE_QUESTION.search(said.text):
            return _unusable(self._clean(_told(said)), Usage(calls=1))
        if said.status_code != 200:
            raise self._refused(said)
        try:
            content = said.json()
            choice = content["choices"][0]
            message = choice["message"]
            text = _text(message.get("content"))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise Refused(f"an answer that is none: {said.text[:80]!r}", uncertain=True) from error
        usage = self._usage(content.get("usage"), request)
        if text.strip():
            return Reply(text=text, usage=usage)
        why = message.get("refusal") or f"the reply is empty (it ended by {choice.get('finish_reason')})"
        return _unusable(self._clean(str(why)), usage)

    def _usage(self, told: Any, request: Request) -> Usage:
        """What a call cost; where that is not told, or makes no sense, it cost what it may at most."""
        try:
            cached = (told.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
            return Usage(
                calls=1,
                input_tokens=told["prompt_tokens"],
                output_tokens=told["completion_tokens"],
                cached_tokens=min(cached, told["prompt_tokens"]),
            )
        except (ValueError, LookupError, TypeError, AttributeError):
            return self.bound(request)

    def _refused(self, said: httpx2.Response) -> TeacherRefuses:
        told = self._clean(_told(said))
        return TeacherRefuses(f"{self.url} refuses (status {said.status_code}: {told}). {_HANDS_OFF}")


def _may_have_been_billed(error: Exception) -> bool:
    """Whether a request may have been worked on though no answer came of it."""
    if isinstance(error, Refused):
        return error.uncertain
    return not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError)


def _text(content: Any) -> str:
    """What a message says, whole or in parts. Raises TypeError where it is neither."""
    if isinstance(content, list):
        content = "".join(part.get("text") or "" for part in content)
    if not isinstance(content, str | None):
        raise TypeError("no text")
    return (content or "").encode("utf-8", "replace").decode()


def _unusable(why: str, usage: Usage) -> Reply:
    return Reply(text=json.dumps({"unusable": why}, ensure_ascii=False), usage=usage)


def _told(said: httpx2.Response) -> str:
    """What an endpoint says of an error."""
    try:
        error = said.json()["error"]
        return str(error["message"] if isinstance(error, dict) else error)[:200]
    except (ValueError, LookupError, TypeError):
        return said.text[:200]


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
