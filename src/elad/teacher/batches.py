"""What a batch is to an endpoint: many requests in a file, answered within a day at a discount (OpenAI's Batch API).

POST /files       a row for each request: {"custom_id": KEY, "method": "POST", "url": ..., "body": {...}}
POST /batches     {"input_file_id": FILE, "metadata": {"elad": NAME}, ...}
GET /batches/ID   {"status": "completed", "output_file_id": ..., "error_file_id": ..., ...}
GET /files/ID/content
                  {"custom_id": KEY, "response": {"status_code": 200, "body": {...}}, "error": null}
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from elad.errors import TeacherRefuses
from elad.teacher.http import Heard, upload
from elad.teacher.messages import Request
from elad.teacher.retry import Failed
from elad.teacher.teacher import Reply
from elad.text import whole

if TYPE_CHECKING:
    from elad.teacher.endpoint import Endpoint

MOST_ROWS, MOST_BYTES = 50_000, 200_000_000
"""What a batch holds at most."""

_ROUTE = "/v1/chat/completions"
_TRANSFER = 3600.0
"""Seconds for a file to come through."""

Result = Reply | Failed | TeacherRefuses
"""What came of a request: a reply, or why there is none. TeacherRefuses where there would be none to any other."""


class Stand(NamedTuple):
    """How a batch stands: its status, how many of its requests are answered, and the files of what came of them."""

    status: str
    answered: int
    total: int
    files: list[str]
    why: str

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it, so that what has come can be fetched."""
        return self.status in ("completed", "expired", "cancelled", "canceled")


class Gone(Exception):
    """The endpoint has a batch, or a file of it, no more; or not for this key."""


class _Counts(BaseModel):
    completed: int = 0
    total: int = 0


class _Batch(BaseModel):
    id: str = Field(min_length=1)
    status: str = ""
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    metadata: dict[str, Any] | None = None
    request_counts: _Counts | None = None
    errors: Any = None


class BatchApi:
    """The batches of an endpoint.

    What asks it raises Failed where another try may help, and TeacherRefuses where none does.
    """

    def __init__(self, endpoint: "Endpoint") -> None:
        self._endpoint = endpoint
        self.poll = endpoint.poll
        self.lets_go = endpoint.gone_batch == "lost"

    def row(self, key: str, request: Request) -> bytes:
        """A request as it stands in a file."""
        row = {"custom_id": key, "method": "POST", "url": _ROUTE, "body": self._endpoint.body(request)}
        return json.dumps(row).encode() + b"\n"

    async def upload(self, name: str, rows: bytes) -> str:
        """Hand a file in; returns the endpoint's name of it."""
        form = upload({"purpose": "batch"}, f"elad-{name}.jsonl", rows)
        return _named(await self._ask("POST", "files", data=form, within=_TRANSFER)).id

    async def create(self, name: str, file: str) -> str:
        """Have a file worked on; returns the endpoint's name of the batch."""
        wish = {"input_file_id": file, "endpoint": _ROUTE, "completion_window": "24h", "metadata": {"elad": name}}
        return _named(await self._ask("POST", "batches", json=wish)).id

    async def find(self, name: str, file: str) -> str | None:
        """The endpoint's name of the batch that was created of a file, or under a name of ours, if there is one."""
        page: dict[str, Any] = {"limit": 100}
        while True:
            told = await self._ask("GET", "batches", params=page)
            listed = told.get("data")
            batches = [_named(batch) for batch in (listed if isinstance(listed, list) else [])]
            for batch in batches:
                if batch.input_file_id == file or (batch.metadata or {}).get("elad") == name:
                    return batch.id
            if not (told.get("has_more") and batches) or page.get("after") == batches[-1].id:
                return None
            page["after"] = batches[-1].id

    async def look(self, id: str) -> Stand:
        """How a batch stands. Raises Gone."""
        batch = _named(await self._ask("GET", f"batches/{id}", may_be_gone=True))
        counts = batch.request_counts or _Counts()
        files = [file for file in (batch.output_file_id, batch.error_file_id) if file]
        return Stand(batch.status.casefold(), counts.completed, counts.total, files, _why(batch.errors))

    async def content(self, file: str) -> str:
        """What is in a file. Raises Gone."""
        answer = await self._send("GET", f"files/{file}/content", within=_TRANSFER, may_be_gone=True)
        return self._endpoint.clean(answer.text)

    def read(self, content: str, stand: Stand, requests: Mapping[str, Request]) -> dict[str, Result]:
        """What came of requests, by their keys, as the files of a batch tell it, one behind the other.

        Rows may come in any order, of requests that nobody made, and twice: then an answer counts. Of a request
        without a row, an answer may have been paid for: where the batch is said to have more answers than rows tell,
        or it is not said how many, or rows can't be read.
        """
        forms = self._endpoint.forms.now
        outcomes: dict[str, Result] = {}
        rows = list(_rows(content))
        for row in rows:
            key = str(row.get("custom_id"))
            if key in requests and not isinstance(outcomes.get(key), Reply):
                outcomes[key] = self._outcome(row, requests[key], forms)
        replies = sum(isinstance(outcome, Reply) for outcome in outcomes.values())
        may_be_paid = {} in rows or not stand.total or stand.answered > replies
        missing = Failed("the batch ended without an answer", uncertain=may_be_paid)
        return {key: outcomes.get(key, missing) for key in requests}

    def _outcome(self, row: Mapping[str, Any], request: Request, forms: Mapping[str, str]) -> Result:
        response = row.get("response")
        if not response:
            error = row.get("error")
            told = (error.get("message") or error.get("code")) if isinstance(error, dict) else error
            return Failed(whole(told or "no reason is told"))
        try:
            heard = Heard(int(response["status_code"]), json.dumps(response["body"]))
        except (LookupError, TypeError, ValueError):
            return Failed("a row that is none", uncertain=True)
        try:
            return self._read(heard, request, forms)
        except (Failed, TeacherRefuses) as error:
            return error

    def _read(self, heard: Heard, request: Request, forms: Mapping[str, str]) -> Reply:
        self._endpoint.check(heard)
        if heard.status == 200:
            return self._endpoint.read(heard.text, request)
        if self._endpoint.forms.another(heard, forms):
            raise Failed("it was asked in a form that the endpoint does not take")
        return self._endpoint.declined(heard)

    async def _ask(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        answer = await self._send(method, path, **content)
        try:
            told = json.loads(self._endpoint.clean(answer.text))
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise Failed(f"an answer that is none: {self._endpoint.clean(answer.text)[:80]!r}")
        return told

    async def _send(self, method: str, path: str, *, may_be_gone: bool = False, **content: Any) -> Heard:
        heard = await self._endpoint.send(method, path, **content)
        if may_be_gone and heard.status in (404, 410):
            raise Gone(self._endpoint.clean(heard.text)[:200])
        if heard.status not in (200, 201):
            raise self._endpoint.refused(heard)
        return heard


def _named(told: Any) -> _Batch:
    """A batch or a file, as an endpoint tells it. Raises Failed where that is neither."""
    try:
        return _Batch.model_validate(told)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise Failed(f"an answer with no good {field or 'object'}: {json.dumps(told)[:80]}") from error


def _why(errors: Any) -> str:
    """What an endpoint says is wrong with a batch."""
    try:
        told = "; ".join(whole(error["message"]) for error in errors["data"])
    except (LookupError, TypeError):
        told = json.dumps(errors)[:200] if errors else ""
    return told or "it does not say why"


def _rows(content: str) -> Iterator[dict[str, Any]]:
    """The rows of a file; an empty one for each that can't be read."""
    for line in filter(str.strip, content.split("\n")):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = {}
        yield row if isinstance(row, dict) else {}
