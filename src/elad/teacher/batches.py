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

from elad.errors import TeacherRefuses
from elad.teacher.http import Heard, upload
from elad.teacher.messages import Request
from elad.teacher.retry import Failed
from elad.teacher.teacher import Reply

if TYPE_CHECKING:
    from elad.teacher.endpoint import Endpoint

MOST_ROWS, MOST_BYTES = 50_000, 200_000_000
"""What a batch holds at most."""

_ROUTE = "/v1/chat/completions"
_TRANSFER = 3600.0
"""Seconds for a file to come through."""

Outcome = Reply | Failed | TeacherRefuses
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
        return self.status in ("completed", "expired", "cancelled")


class Batches:
    """The batches of an endpoint.

    What asks it raises Failed where another try may help, and TeacherRefuses where none does.
    """

    def __init__(self, endpoint: "Endpoint") -> None:
        self._endpoint = endpoint
        self.poll = endpoint.poll

    def row(self, key: str, request: Request) -> bytes:
        """A request as it stands in a file."""
        row = {"custom_id": key, "method": "POST", "url": _ROUTE, "body": self._endpoint.body(request)}
        return json.dumps(row).encode() + b"\n"

    async def upload(self, name: str, rows: bytes) -> str:
        """Hand a file in; returns the endpoint's name of it."""
        form = upload({"purpose": "batch"}, f"elad-{name}.jsonl", rows)
        return _id(await self._ask("POST", "files", data=form, within=_TRANSFER))

    async def create(self, name: str, file: str) -> str:
        """Have a file worked on; returns the endpoint's name of the batch."""
        wish = {"input_file_id": file, "endpoint": _ROUTE, "completion_window": "24h", "metadata": {"elad": name}}
        return _id(await self._ask("POST", "batches", json=wish))

    async def find(self, name: str, file: str) -> str | None:
        """The endpoint's name of the batch that was created of a file, or under a name of ours, if there is one."""
        page: dict[str, Any] = {"limit": 100}
        while True:
            told = await self._ask("GET", "batches", params=page)
            batches = told.get("data") or []
            for batch in batches:
                if batch.get("input_file_id") == file or (batch.get("metadata") or {}).get("elad") == name:
                    return _id(batch)
            if not (told.get("has_more") and batches) or page.get("after") == _id(batches[-1]):
                return None
            page["after"] = _id(batches[-1])

    async def look(self, id: str) -> Stand:
        """How a batch stands."""
        told = await self._ask("GET", f"batches/{id}")
        counts = told.get("request_counts") or {}
        errors = (told.get("errors") or {}).get("data") or []
        return Stand(
            status=str(told.get("status")),
            answered=counts.get("completed") or 0,
            total=counts.get("total") or 0,
            files=[file for name in ("output_file_id", "error_file_id") if (file := told.get(name))],
            why="; ".join(str(error.get("message")) for error in errors) or "it does not say why",
        )

    async def content(self, file: str) -> str:
        """What is in a file."""
        answer = await self._send("GET", f"files/{file}/content", within=_TRANSFER)
        return self._endpoint.clean(answer.text)

    def read(self, content: str, requests: Mapping[str, Request]) -> dict[str, Outcome]:
        """What came of requests, by their keys, as the files of a batch tell it, one behind the other.

        Rows may come in any order, of requests that nobody made, and twice: then an answer counts. Of a request
        without a row, an answer may have been paid for where there are rows that can't be read.
        """
        forms = self._endpoint.forms
        outcomes: dict[str, Outcome] = {}
        rows = list(_rows(content))
        for row in rows:
            key = str(row.get("custom_id"))
            if key in requests and not isinstance(outcomes.get(key), Reply):
                outcomes[key] = self._outcome(row, requests[key], forms)
        missing = Failed("the batch ended without an answer", uncertain={} in rows)
        return {key: outcomes.get(key, missing) for key in requests}

    def _outcome(self, row: Mapping[str, Any], request: Request, forms: Mapping[str, str]) -> Outcome:
        response = row.get("response")
        if not response:
            error = row.get("error") or {}
            return Failed(str(error.get("message") or error.get("code") or "no reason is told"))
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
        if self._endpoint.another_form(heard, forms):
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

    async def _send(self, method: str, path: str, **content: Any) -> Heard:
        heard = await self._endpoint.send(method, path, **content)
        if heard.status not in (200, 201):
            raise self._endpoint.refused(heard)
        return heard


def _id(told: Mapping[str, Any]) -> str:
    if not (isinstance(told.get("id"), str) and told["id"]):
        raise Failed(f"an answer without an id: {json.dumps(told)[:80]}")
    return str(told["id"])


def _rows(content: str) -> Iterator[dict[str, Any]]:
    """The rows of a file; an empty one for each that can't be read."""
    for line in filter(str.strip, content.split("\n")):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = {}
        yield row if isinstance(row, dict) else {}
