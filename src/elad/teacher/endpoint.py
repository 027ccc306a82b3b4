"""The teacher that is paid: a large model behind an OpenAI-compatible endpoint.

Only fields that such endpoints take widely are sent. How they differ is declared in the recipe, or found out from what
they refuse, which costs nothing. The key is read from the environment when a call is made and is kept nowhere.
"""

import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, field_validator
from pydantic_core import PydanticCustomError

from elad.budget import Price, Usage
from elad.errors import TeacherRefuses
from elad.prices import listed
from elad.teacher import completions
from elad.teacher.batches import BatchApi
from elad.teacher.forms import Forms
from elad.teacher.http import Heard, Line
from elad.teacher.messages import Request
from elad.teacher.retry import Failed, reset, seconds
from elad.teacher.teacher import HANDS_OFF, Reply, Said, Teacher, Traffic, dearest
from elad.teacher.waiting import run_to_end
from elad.text import whole

_OPENAI = "https://api.openai.com/v1"

_OF_THE_QUESTION = re.compile(
    r"context[_ ](length|size|window)|exceed_context|too long|content_(filter|policy)|content management", re.IGNORECASE
)
"""What endpoints say where it is the question that they can't take."""

_SECRET = 16
"""Characters that a key has at least; a shorter one (`none`, `EMPTY`) is no secret, and may well stand in a reply."""


class Endpoint(Teacher):
    """A model behind `base_url` (or OPENAI_BASE_URL), with the key in the environment variable `key_from`.

    `reply`: how JSON is asked for; `text` where the endpoint knows no `response_format`. `limit`: what it calls the
    cap on a reply's tokens. `auto` begins with the strictest and takes the next where the endpoint refuses it.
    `temperature`, `seed`, `reasoning_effort` and `logprobs` (kept with the raw reply) are sent where they are set.
    `timeout`: seconds for one try. What fails for now is tried `tries` times, over some five minutes. Up to
    `concurrency` calls are under way at a time, fewer where the endpoint says that these are too many;
    `requests_per_minute` and `tokens_per_minute` hold whatever it says. `also_known_as`: other names by which it may
    call the model that answers. `mode`: whether calls are made one by one (`direct`), or in batches that are answered
    within a day, at a discount (`batch`); then `poll` is the seconds between two looks at a batch, and what fails for
    now is in `tries` of them at most. `gone_batch`: what to do where the endpoint has a batch no more, `stop`, or let
    its calls go as `lost`.
    """

    kind: Literal["openai"] = "openai"
    model: str
    base_url: str | None = None
    key_from: str = "OPENAI_API_KEY"
    reply: Literal["auto", "json_schema", "json_object", "text"] = "auto"
    limit: Literal["auto", "max_completion_tokens", "max_tokens"] = "auto"
    temperature: float | None = Field(None, ge=0)
    seed: int | None = None
    reasoning_effort: str | None = None
    logprobs: bool = False
    timeout: float = Field(120.0, gt=0)
    tries: int = Field(12, gt=0)
    requests_per_minute: int | None = Field(None, gt=0)
    tokens_per_minute: int | None = Field(None, gt=0)
    also_known_as: tuple[str, ...] = ()
    mode: Literal["direct", "batch"] = "direct"
    poll: float = Field(60.0, gt=0)
    gone_batch: Literal["stop", "lost"] = "stop"

    metered: ClassVar[bool] = True
    stored: ClassVar[bool] = True

    @field_validator("base_url")
    @classmethod
    def _no_secrets(cls, url: str | None) -> str | None:
        if url and "@" in urlsplit(url).netloc:
            raise PydanticCustomError(
                "secret", "it names a user or a password, and a recipe is no place for secrets: see key_from"
            )
        return url

    _line: Line | None = PrivateAttr(None)

    @cached_property
    def forms(self) -> Forms:
        """In which forms it is asked."""
        return Forms(reply=self.reply, limit=self.limit)

    @property
    def url(self) -> str:
        """Where it is asked. Raises TeacherRefuses where the environment's address names a password."""
        url = (self.base_url or os.environ.get("OPENAI_BASE_URL") or _OPENAI).rstrip("/")
        if "@" in urlsplit(url).netloc:
            raise TeacherRefuses(
                "OPENAI_BASE_URL names a user or a password, which would be told and kept: see key_from."
            )
        return url

    @property
    def traffic(self) -> Traffic:
        """How it may be asked."""
        return Traffic(self.concurrency, self.tries, self.requests_per_minute, self.tokens_per_minute)

    @property
    def in_batches(self) -> bool:
        """Whether it is to be asked in batches."""
        return self.mode == "batch"

    @property
    def batches(self) -> BatchApi:
        """Its batches; also where calls are made directly now, a batch may be under way from before."""
        return BatchApi(self)

    @property
    def learnt(self) -> dict[str, str]:
        """The forms that it took in place of those that it refused."""
        return self.forms.learnt

    def recall(self, learnt: Mapping[str, str]) -> None:
        """Begin with the forms that it took before."""
        self.forms.learnt = dict(learnt)

    def ready(self) -> None:
        """Ask, for free, whether the endpoint is there, takes the key, and has what it is for. Raises TeacherError."""
        run_to_end(self._look())

    async def _look(self) -> None:
        listed = "batches" if self.mode == "batch" else "models"
        try:
            async with Line(self.url, 1) as line:
                heard = await line.request("GET", listed, self.headers(), within=min(self.timeout, 30.0))
        except Failed as error:
            raise TeacherRefuses(f"teacher.base_url: {self.url} can't be reached ({self.clean(str(error))}).") from None
        if heard.status in (401, 403):
            raise self.refused(heard)
        if heard.status == 200 and not heard.text.lstrip().startswith(("{", "[")):
            raise TeacherRefuses(
                f"teacher.base_url: {self.url} answers with a page, not as an endpoint does. Is its path, such as /v1, "
                "missing?"
            )
        if self.mode == "batch" and heard.status in (404, 405):
            raise TeacherRefuses(f"teacher.mode: {self.url} has no batches; buy there with mode: direct.")

    def listed_price(self) -> tuple[Price, str] | None:
        """What the price list says of the model at this address."""
        return listed(self.model, self.url)

    def identity(self) -> dict[str, Any]:
        """Where and what is asked; not the key, not how patiently, and not in which form."""
        patience = {"key_from", "timeout", "tries", "base_url", "requests_per_minute", "tokens_per_minute"}
        left = patience | {"also_known_as", "mode", "poll", "gone_batch", "limit", "reply"}
        # what is not set is left out, so that a new field makes no answer another's
        told = {name: value for name, value in super().identity().items() if name not in left}
        told = {name: value for name, value in told.items() if value is not None and value is not False}
        return told | {"url": self.url}

    def bound(self, request: Request) -> Usage:
        """The most that a request can cost: no token has less than a byte, and turns are marked by a few tokens."""
        asked = sum(len(message.content.encode()) + 16 for message in request.messages) + 16
        return dearest(asked + len(str(request.form or "")), request)

    @asynccontextmanager
    async def session(self, folder: Path, round: int) -> AsyncIterator[None]:
        """Connections for as many calls as are under way at a time."""
        async with Line(self.url, self.concurrency) as line:
            self._line = line
            try:
                yield
            finally:
                self._line = None

    async def ask(self, request: Request) -> Reply:
        """Try once; what it refuses to be asked for in one form is asked for in the next at once."""
        forms = self.forms.now
        heard = await self.send("POST", "chat/completions", json=self.body(request))
        if heard.status == 200:
            return self.read(heard.text, request, heard.headers)
        if self.forms.another(heard, forms):
            return await self.ask(request)
        return self.declined(heard)

    async def send(self, method: str, path: str, *, within: float | None = None, **content: Any) -> Heard:
        """One request to the endpoint, and its answer. `within`: seconds, where it may take longer than others.

        Raises Failed where another try may help, TeacherRefuses where there is no use in asking.
        """
        assert self._line, "asked within a session"
        how = {"within": within or self.timeout, **content}
        try:
            heard = await self._line.request(method, path, self.headers(), **how)
        except Failed as error:
            raise Failed(self.clean(str(error)), uncertain=error.uncertain) from error
        self.check(heard)
        return heard

    def check(self, heard: Heard) -> None:
        """Raise what `send` does, where an answer is none."""
        status = heard.status
        if status in (408, 409, 429) or status >= 500:
            if re.search("insufficient_(quota|credit|balance|funds)", heard.text):
                raise self.refused(heard)
            after = max(seconds(heard.headers.get("retry-after")), reset(heard.headers) if status == 429 else 0)
            # a gateway that lost its patience may have had the answer worked on
            raise Failed(f"status {status}", after=after, too_many=status in (429, 503), uncertain=status in (504, 524))
        if status in (401, 402, 403):
            raise self.refused(heard)

    def read(self, body: str, request: Request, headers: Mapping[str, str] | None = None) -> Reply:
        """The reply in a body. Raises Failed where it is none."""
        body = self.clean(body)
        content = completions.completion(body)
        if content is None:
            # a page was answered by something else; what is none may have been a completion
            is_page = body.lstrip().startswith("<")
            raise Failed(f"an answer that is none: {body[:80]!r}", uncertain=not is_page)
        told, bound = completions.usage(content), self.bound(request)
        cost = told or bound.model_copy(update={"untold_calls": 1})
        wrong = self._other_model(content)
        if cost.output_tokens > bound.output_tokens:
            wrong = (
                f"a reply has {cost.output_tokens} tokens where at most {bound.output_tokens} were asked for, so that "
                "no budget could be held: see teacher.limit for how the endpoint names that cap."
            )
        if cost.input_tokens > bound.input_tokens:
            wrong = (
                f"a request is said to have {cost.input_tokens} tokens and has at most {bound.input_tokens}, so that "
                "no budget could be held: the endpoint adds to what it is sent, or does not count as others do."
            )
        outcome = "refused" if wrong else completions.said(content).outcome
        assert outcome != "failed"
        return Reply(raw=body, usage=cost, outcome=outcome, hold=reset(headers or {}), wrong=wrong)

    def said(self, raw: str) -> Said:
        """What a body that was kept says."""
        content = json.loads(raw)
        other = self._other_model(content)
        return Said("", "refused", other) if other else completions.said(content)

    def _other_model(self, content: completions.Completion) -> str | None:
        """What is wrong with a completion of another model."""
        name = completions.model(content)
        if not name or any(completions.same_model(known, name) for known in (self.model, *self.also_known_as)):
            return None
        return f"{self.model!r} was asked and {name!r} answered. If these are one, set teacher.also_known_as."

    def declined(self, heard: Heard) -> Reply:
        """An answer that no other form or try would better: of this question alone, or else of all.

        Raises TeacherRefuses where it is of all.
        """
        if heard.status in (400, 413, 422) and _OF_THE_QUESTION.search(heard.text):
            why = completions.told(self.clean(heard.text))
            return Reply(raw=completions.error_body(why), usage=Usage(calls=1), outcome="refused")
        raise self.refused(heard)

    def body(self, request: Request) -> dict[str, Any]:
        """A request as it is sent."""
        reply, limit = self.forms.now["reply"], self.forms.now["limit"]
        shape: dict[str, Any] | None = None if reply == "text" else {"type": reply}
        if shape and reply == "json_schema":
            shape["json_schema"] = {"name": "reply", "strict": True, "schema": request.form}
        body = {
            "model": self.model,
            "messages": [message.model_dump() for message in request.messages],
            limit: request.max_output_tokens,
            "temperature": self.temperature,
            "seed": None if self.seed is None else self.seed + request.sample,
            "reasoning_effort": self.reasoning_effort,
            "logprobs": self.logprobs or None,
            "response_format": shape,
        }
        return {name: value for name, value in body.items() if value is not None}

    def headers(self) -> dict[str, str]:
        """What a request is sent with. Raises TeacherRefuses where the key can't be one."""
        key = self._key()
        return {"Authorization": f"Bearer {key}"} if key else {}

    def refused(self, heard: Heard) -> TeacherRefuses:
        """What it says where it answers nothing at all."""
        why = completions.told(self.clean(heard.text))
        return TeacherRefuses(f"{self.url} refuses (status {heard.status}: {why}). {HANDS_OFF}")

    def _key(self) -> str | None:
        key = os.environ.get(self.key_from, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise TeacherRefuses(f"{self.key_from} in the environment is no key: it holds characters that none has.")
        if not key and self.url == _OPENAI:
            raise TeacherRefuses(f"there is no key: set {self.key_from} in the environment, or name teacher.base_url.")
        return key or None

    def clean(self, told: str) -> str:
        """What is told, without the key, should an endpoint repeat it, and without halves of characters."""
        key = self._key() or ""
        told = whole(told)
        return told.replace(key, "(the key)") if len(key) >= _SECRET else told
