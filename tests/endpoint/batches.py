"""The server's batches: files are handed in, worked on within a few looks, and handed out, with faults by a plan."""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

Row = dict[str, Any]
Files = tuple[list[Any], list[Row]]
"""The rows of what was answered, and of what failed."""

SPOILING = ("429", "reset", "500", "cut off", "429 with a time", "502", "503")
"""What a reply can be spoilt by so that a client knows."""


class Batches:
    """`answer`: what works on a body. `faults`: what goes wrong with the batches to come, one behind the other.

    `looks`: as often is a batch looked at until it has ended. `page`: batches that are listed at a time. `spoilt`: of
    how many replies one is spoilt, after what was asked for is done. `extra`: what is said of a batch that failed.
    `log`: what was asked for. `sent`: how often a row was handed in.
    """

    def __init__(self, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.answer = answer
        self.faults: list[str] = []
        self.looks = 2
        self.spoilt = 0
        self.page = 100
        self.extra: dict[str, Any] = {}
        self.log: list[str] = []
        self.sent: Counter[str] = Counter()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self._spoiling = itertools.cycle(SPOILING)

    def spoils(self) -> str | None:
        """By what the reply to this request is spoilt, if it is."""
        return next(self._spoiling) if self.spoilt and len(self.log) % self.spoilt == 0 else None

    def serve(self, method: str, url: str, kind: str, content: bytes) -> tuple[int, object]:
        """A request, and the status and content of its answer."""
        path = urlsplit(url).path.removeprefix("/v1/").split("/")
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.log.append(f"{method} {path[0]}{'/...' if path[1:] else ''}")
        match method, path:
            case "POST", ["files"]:
                return 200, {"id": self._file(_part(kind, content, "file"))}
            case "POST", ["batches"]:
                return 200, self._create(json.loads(content))
            case "GET", ["batches"]:
                return 200, self._listed(int(query.get("limit", 20)), query.get("after"))
            case "GET", ["batches", id] if id in self.batches:
                return 200, self._look(self.batches[id])
            case "GET", ["files", id, "content"] if id in self.files:
                return 200, self.files[id]
        return 404, {"error": {"message": f"there is no {url}"}}

    def _file(self, content: bytes) -> str:
        id = f"file-{len(self.files)}"
        self.files[id] = content
        return id

    def _create(self, wish: dict[str, Any]) -> dict[str, Any]:
        assert wish["completion_window"] == "24h"
        assert wish["endpoint"] == "/v1/chat/completions"
        id = f"batch_{len(self.batches)}"
        fault = self.faults.pop(0) if self.faults else ""
        asked = self._asked(wish["input_file_id"])
        self.sent.update(row["custom_id"] for row in asked)
        counts = {"total": len(asked), "completed": 0, "failed": 0}
        kept = {"input_file_id": wish["input_file_id"], "metadata": wish["metadata"], "request_counts": counts}
        self.batches[id] = {"id": id, "status": "validating", **kept, "looks": 0, "fault": fault}
        return self.batches[id]

    def _listed(self, limit: int, after: str | None) -> dict[str, Any]:
        ids = list(reversed(self.batches))
        ids = ids[ids.index(after) + 1 :] if after else ids
        shown = ids[: min(limit, self.page)]
        return {"data": [self.batches[id] for id in shown], "has_more": len(shown) < len(ids)}

    def _look(self, batch: dict[str, Any]) -> dict[str, Any]:
        batch["looks"] += 1
        if batch["status"] in ("validating", "in_progress"):
            batch["status"] = "in_progress"
            if batch["looks"] > self.looks:
                self._work(batch)
        return batch

    def _work(self, batch: dict[str, Any]) -> None:
        fault = batch["fault"]
        if fault == "failed":
            error = {"message": "Enqueued token limit reached", **self.extra}
            batch |= {"status": "failed", "errors": {"data": [error]}}
            return
        asked = self._asked(batch["input_file_id"])
        answered, failed = FAULTS[fault](asked, self._answered) if fault else (list(map(self._answered, asked)), [])
        batch["status"] = fault if fault in ("expired", "cancelled") else "completed"
        batch["request_counts"] |= {"completed": len(answered), "failed": len(failed)}
        batch["output_file_id"] = self._file(_lines(answered)) if answered else None
        batch["error_file_id"] = self._file(_lines(failed)) if failed else ""

    def _answered(self, row: Row) -> Row:
        body = self.answer(row["body"])
        return {"id": "r", "custom_id": row["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}

    def _asked(self, file: str) -> list[Row]:
        rows = [json.loads(line) for line in self.files[file].splitlines()]
        assert all(row["url"] == "/v1/chat/completions" and row["method"] == "POST" for row in rows)
        return rows


Answer = Callable[[Row], Row]


def _halves(asked: list[Row]) -> tuple[list[Row], list[Row]]:
    return asked[::2], asked[1::2]


def _unworked(code: str) -> Callable[[list[Row], Answer], Files]:
    def fail(asked: list[Row], answer: Answer) -> Files:
        done, left = _halves(asked)
        error = {"code": code, "message": f"not executed: {code}"}
        return list(map(answer, done)), [{"custom_id": r["custom_id"], "response": None, "error": error} for r in left]

    return fail


def _statuses(*statuses: int, message: str = "busy") -> Callable[[list[Row], Answer], Files]:
    def fail(asked: list[Row], answer: Answer) -> Files:
        done, left = _halves(asked)
        return list(map(answer, done)), _failing(left, statuses, message)

    return fail


def _failing(rows: list[Row], statuses: Iterable[int], message: str) -> list[Row]:
    body = {"error": {"message": message}}
    return [
        {"custom_id": row["custom_id"], "response": {"status_code": status, "body": body}, "error": None}
        for row, status in zip(rows, itertools.cycle(statuses), strict=False)
    ]


def _no_completions(asked: list[Row], answer: Answer) -> Files:
    done, left = _halves(asked)
    empty = [
        {"custom_id": row["custom_id"], "response": {"status_code": 200, "body": {"choices": []}}, "error": None}
        for row in left
    ]
    return list(map(answer, done)) + empty, []


def _strangers(asked: list[Row], answer: Answer) -> Files:
    rows = list(map(answer, asked))
    return [{**rows[0], "custom_id": "of somebody else"}, *rows], [{"custom_id": None, "response": None, "error": None}]


def _doubled(asked: list[Row], answer: Answer) -> Files:
    rows = list(map(answer, asked))
    failed = [{**row, "response": None, "error": {"code": "batch_expired", "message": "late"}} for row in rows]
    return rows + rows, failed


FAULTS: dict[str, Callable[[list[Row], Answer], Files]] = {
    "partial": lambda asked, answer: (list(map(answer, _halves(asked)[0])), []),
    "shuffled": lambda asked, answer: (list(map(answer, reversed(asked))), []),
    "doubled": _doubled,
    "strangers": _strangers,
    "expired": _unworked("batch_expired"),
    "cancelled": _unworked("batch_cancelled"),
    "errors": _statuses(429, 500),
    "no completions": _no_completions,
    "garbled": lambda asked, answer: ([*map(answer, _halves(asked)[0]), "half a row"], []),
    "no form": _statuses(400, message="response_format is unknown here"),
    "declined": _statuses(400, message="blocked by content_filter"),
    "refused": _statuses(404, message="no such model"),
    "all errors": lambda asked, _: ([], _failing(asked, [500], "busy")),
}


def _lines(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _part(kind: str, content: bytes, name: str) -> bytes:
    """A part of a form with files."""
    form: Any = BytesParser().parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
    parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}
    assert parts["purpose"].get_payload(decode=True) == b"batch"
    return bytes(parts[name].get_payload(decode=True))
