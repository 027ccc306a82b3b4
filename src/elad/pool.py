"""What comes in: questions from files and worlds, checked row by row.

    {"id": "gsm8k/train/00000", "question": "Natalia sold clips ...", "answer": "72", "steps": ["Natalia ..."]}

JSONL (plain or .gz), Parquet and CSV. A recipe maps other column names and nested ones (`domain: meta.hops`).
"""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from elad.errors import InputError
from elad.ledger import Admission, Ledger
from elad.records import Part, Question, State
from elad.text import question_digest
from elad.worlds import Arithmetic, Deduction

Target = Literal["id", "question", "choices", "answer", "steps", "domain", "meta"]
_TARGETS: tuple[Target, ...] = ("id", "question", "choices", "answer", "steps", "domain", "meta")

_SHOWN = 10
"""How many bad rows an error message names."""


_Bad = tuple[str, str]
"""Where a bad row stands, and why it is one."""


class File(Part):
    """Questions from a file.

    `fields` says which column each field comes from: a name, a dotted path (`meta.hops`), several whose values are
    joined (`[meta.hops, meta.distractors]`), or null to leave the field out; a field that is not named comes from the
    column of its own name. `where` keeps the rows whose columns have these values. `on_bad_row`: `skip` sets bad rows
    aside as unusable, `stop` (the default) refuses the file before anything is paid for.
    """

    kind: Literal["file"] = "file"
    path: Path
    fields: dict[Target, str | list[str] | None] = Field(default_factory=dict)
    where: dict[str, Any] = Field(default_factory=dict)
    on_bad_row: Literal["stop", "skip"] = "stop"

    def rows(self) -> Iterator[tuple[str, Question | str]]:
        """Where each row stands (`pool.jsonl:17`), and its question or what is wrong with it.

        Raises InputError when the file can't be read at all.
        """
        try:
            for number, row in _rows(self.path):
                if isinstance(row, str):
                    yield f"{self.path.name}:{number}", row
                elif all(_column(row, name) == value for name, value in self.where.items()):
                    yield f"{self.path.name}:{number}", self._question(row)
        except (OSError, UnicodeDecodeError, EOFError, csv.Error, zlib.error) as error:
            reason = getattr(error, "strerror", None) or error
            expected = "Expected a .jsonl, .jsonl.gz, .parquet or .csv file in UTF-8."
            raise InputError(f"{self.path} can't be read: {reason}. {expected}") from error

    def _question(self, row: Mapping[str, Any]) -> Question | str:
        values = {target: self._value(target, row) for target in _TARGETS}
        asked = values["question"]
        if asked is None or not str(asked).strip():
            column = self.fields.get("question", "question")
            return f"the question is empty (column {column!r}; the row has {', '.join(map(repr, row))})"
        try:
            question = Question(
                id=_text("id", values["id"]) or "",
                text=_asked(asked),
                choices=_texts("choices", values["choices"]),
                answer=_text("answer", values["answer"]),
                steps=_texts("steps", values["steps"]),
                domain=_text("domain", values["domain"]),
                meta=_object("meta", values["meta"]),
            )
        except ValueError as error:
            return str(error)
        return question if question.id else question.model_copy(update={"id": f"q-{question_digest(question)}"})

    def _value(self, target: Target, row: Mapping[str, Any]) -> Any:
        column = self.fields.get(target, target)
        if column is None:
            return None
        if isinstance(column, str):
            return _column(row, column)
        return ", ".join(f"{name.rpartition('.')[2]} {_column(row, name)}" for name in column)


Source = Annotated[File | Arithmetic | Deduction, Field(discriminator="kind")]
"""Where questions come from: a file, or a built-in world."""


def admit(ledger: Ledger, pool: File | Arithmetic | Deduction, held_out: File | Arithmetic | Deduction) -> None:
    """Let the held-out questions and the pool into a new ledger, in one transaction.

    What is set aside (bad rows, duplicates, questions that are held out) is in the ledger too, as unusable and with its
    reason. Raises InputError, with nothing written, when a source has bad rows and says to stop at them, or has no
    question that can be used.
    """
    if any(ledger.counts().values()):
        return
    with ledger.admission() as door:
        _admit(door, "held_out", held_out, "held out")
        _admit(door, "pool", pool, "pooled")


def _admit(door: Admission, name: str, source: File | Arithmetic | Deduction, state: State) -> None:
    """Let a source's questions in, and set its bad rows aside or stop at them."""
    bad: list[_Bad] = []
    for where, row in source.rows():
        reason = row if isinstance(row, str) else _why_not(door, row, state)
        if isinstance(row, Question) and reason is None:
            door.add(row.id, question_digest(row), state, question=row)
            continue
        door.add(f"{where} ({state})", None, "unusable", reason)
        if reason != _HELD_OUT:
            bad.append((where, str(reason)))
    if bad and isinstance(source, File) and source.on_bad_row == "stop":
        raise InputError(_complaint(name, bad) + f"Mend them, or set {name}.on_bad_row to skip.")
    if not door.count(state):
        raise InputError(f"{name}: there is no usable question in it. " + _complaint(name, bad))


_HELD_OUT = "it is held out for evaluation"


def _why_not(door: Admission, question: Question, state: State) -> str | None:
    """Why a question can't be let in beside those that are in."""
    if state == "held out" and question.answer is None:
        return "it has no answer to hold the student's against"
    same = door.known(digest=question_digest(question))
    if same and same[1] == "held out":
        return _HELD_OUT
    if same:
        return f"it asks the same as {same[0]!r}"
    return f"its id {question.id!r} stands before another question" if door.known(id=question.id) else None


def _complaint(name: str, bad: list[_Bad]) -> str:
    shown = "".join(f"\n  {where}: {reason}" for where, reason in bad[:_SHOWN])
    more = f"\n  ... and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return f"{name} has {len(bad)} bad row{'s' if len(bad) > 1 else ''}:{shown}{more}\n" if bad else ""


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """The number and the columns of every row of a file, or what is wrong with the row."""
    if path.suffix == ".parquet":
        yield from _parquet_rows(path)
    elif path.suffix == ".csv":
        with open(path, encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            for row in reader:
                if None in row:
                    yield reader.line_num, "it has more values than the header has columns"
                else:
                    yield reader.line_num, {column: value for column, value in row.items() if value}
    else:
        with (
            gzip.open(path, "rt", encoding="utf-8-sig")
            if path.suffix == ".gz"
            else open(path, encoding="utf-8-sig") as lines
        ):
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, _json_row(line)


def _json_row(line: str) -> Mapping[str, Any] | str:
    try:
        row = json.loads(line)
    except ValueError as error:
        return f"it is not JSON ({error})"
    return row if isinstance(row, dict) else f"it is a JSON {type(row).__name__}, not an object"


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise InputError(f"{path}: reading Parquet needs pyarrow: pip install 'elad-distill[parquet]'") from error
    try:
        file = parquet.ParquetFile(path)
        number = 0
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except ArrowInvalid as error:
        raise InputError(f"{path} can't be read as Parquet: {error}") from error


def _column(row: Mapping[str, Any], name: str) -> Any:
    """The value of a column, or of a path into nested ones; None when it is not there."""
    if name in row:
        return row[name]
    first, dot, rest = name.partition(".")
    inner = row.get(first)
    return _column(inner, rest) if dot and isinstance(inner, Mapping) else None


def _asked(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"question: expected a text, got {value!r}")
    return value.strip()


def _text(field: str, value: Any) -> str | None:
    """A text, or a number as one; None where there is none, which tables write as NaN."""
    if isinstance(value, dict | list):
        raise ValueError(f"{field}: expected a text, got {value!r}")
    return None if value is None or value != value else str(value).strip()


def _texts(field: str, value: Any) -> tuple[str, ...]:
    """A list of texts; in a CSV file, where a cell is one text, a JSON list or a line for each."""
    if isinstance(value, str):
        value = json.loads(value) if value.lstrip().startswith("[") else value.splitlines()
    if not isinstance(value, list | None):
        raise ValueError(f"{field}: expected a list of texts, got {value!r}")
    return tuple(_text(field, item) or "" for item in value or ())


def _object(field: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict | None):
        raise ValueError(f"{field}: expected an object, got {value!r}")
    return value or {}
