"""What comes in: questions from files and worlds, checked row by row.

    {"id": "gsm8k/train/00000", "question": "Natalia sold clips ...", "answer": "72", "steps": ["Natalia ..."]}

JSONL (plain or .gz), Parquet and CSV. A recipe maps other column names and nested ones (`domain: meta.hops`).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from elad.errors import InputError
from elad.layout import LETTERS
from elad.ledger import Admission, Ledger
from elad.records import AnswerKind, Part, Question, State
from elad.rows import rows_of
from elad.text import question_digest
from elad.worlds import Arithmetic, Deduction

Target = Literal["id", "question", "choices", "answer", "steps", "domain", "document", "meta"]
_TARGETS: tuple[Target, ...] = get_args(Target)

_SHOWN = 10
"""How many bad rows an error message names."""

_MISSING = object()

_Bad = tuple[str, str]
"""Where a bad row stands, and why it is one."""


class File(Part):
    """Questions from a file.

    `fields` says which column each field comes from: a name, a dotted path (`meta.hops`), several whose values are
    joined (`[meta.hops, meta.distractors]`), or null to leave the field out; a field that is not named comes from the
    column of its own name. `where` keeps the rows whose columns have these values (one of them, where a list is
    given), and `tenths` those whose questions fall into some of ten parts, 0 to 9, by their content: so one file is
    pool and held out. `answers` is the kind of answer that the questions have: it decides when two of them say the
    same. `on_bad_row`: `skip` sets bad rows aside as unusable, `stop` (the default) refuses the file before anything
    is paid for.
    """

    kind: Literal["file"] = "file"
    path: Path
    fields: dict[Target, str | list[str] | None] = Field(default_factory=dict)
    where: dict[str, Any] = Field(default_factory=dict)
    tenths: tuple[Annotated[int, Field(ge=0, le=9)], ...] = Field(tuple(range(10)), min_length=1)
    answers: AnswerKind = "auto"
    on_bad_row: Literal["stop", "skip"] = "stop"

    def rows(self) -> Iterator[tuple[str, Question | str]]:
        """Where each row stands (`pool.jsonl:17`), and its question or what is wrong with it.

        Raises InputError when the file can't be read at all, or has no row with a column that the recipe names.
        """
        unseen = {name for column in self.fields.values() if column for name in _names(column)}
        chosen = 0
        for number, row in rows_of(self.path):
            if isinstance(row, str):
                if number % 10 in self.tenths:
                    yield f"{self.path.name}:{number}", row
            elif all(_same(_column(row, name), value) for name, value in self.where.items()):
                unseen = {name for name in unseen if _column(row, name, _MISSING) is _MISSING}
                chosen += 1
                question = self._question(row)
                place = number if isinstance(question, str) else int(question_digest(question), 16)
                if place % 10 in self.tenths:
                    yield f"{self.path.name}:{number}", question
        if chosen and unseen:
            raise InputError(f"{self.path}: `fields` names {', '.join(sorted(unseen))}, which no row has.")

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
                choices=_choices(values["choices"]),
                answer=_text("answer", values["answer"]),
                answers=self.answers,
                steps=_texts("steps", values["steps"]),
                domain=_text("domain", values["domain"]),
                document=_text("document", values["document"]),
                meta=_object("meta", values["meta"]),
            )
            question.model_dump_json()
        except (ValueError, RecursionError) as error:  # what can't be written to the ledger can't come in
            return str(error)
        return question if question.id else question.model_copy(update={"id": f"q-{question_digest(question)}"})

    def _value(self, target: Target, row: Mapping[str, Any]) -> Any:
        column = self.fields.get(target, target)
        if column is None:
            return None
        if isinstance(column, str):
            return _column(row, column)
        found = {name.rpartition(".")[2]: _column(row, name) for name in column}
        return ", ".join(f"{name} {value}" for name, value in found.items() if value is not None) or None


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
    held_out = 0
    for where, row in source.rows():
        reason = row if isinstance(row, str) else _why_not(door, row, state)
        if isinstance(row, Question) and reason is None:
            door.add(row.id, question_digest(row), state, question=row)
            continue
        door.add(_free(door, f"{where} ({state})"), None, "unusable", reason)
        if reason == _HELD_OUT:
            held_out += 1
        else:
            bad.append((where, str(reason)))
    if bad and isinstance(source, File) and source.on_bad_row == "stop":
        raise InputError(_complaint(name, bad) + f"Mend them, or set {name}.on_bad_row to skip.")
    if not door.count(state):
        where = f" of {source.path}" if isinstance(source, File) else ""
        chosen = " that `where` chooses" if isinstance(source, File) and source.where else ""
        raise InputError(
            f"{name}: no row{where}{chosen} is a usable question ({held_out} held out, {len(bad)} bad). "
            + _complaint(name, bad)
        )


def _free(door: Admission, id: str) -> str:
    """An id that no question has, for a row that has none."""
    while door.known(id=id):
        id += "'"
    return id


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


def _names(column: str | list[str]) -> list[str]:
    return [column] if isinstance(column, str) else column


def _column(row: Mapping[str, Any], name: str, missing: Any = None) -> Any:
    """The value of a column, or of a path into nested ones; `missing` where it is not there."""
    if name in row:
        return row[name]
    first, dot, rest = name.partition(".")
    inner = row.get(first)
    return _column(inner, rest, missing) if dot and isinstance(inner, Mapping) else missing


def _same(one: Any, other: Any) -> bool:
    """Whether a column has a value, or one of a list of them; in a CSV file, where all are texts, also as one."""
    if isinstance(other, list) and not isinstance(one, list):
        return any(_same(one, value) for value in other)
    return bool(one == other) or str(one) == str(other)


def _asked(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"question: expected a text, got {value!r}")
    return value.strip()


def _text(field: str, value: Any) -> str | None:
    """A text, or a number as one; None where there is none, which tables write as NaN."""
    if isinstance(value, dict | list):
        raise ValueError(f"{field}: expected a text, got {value!r}")
    return None if value is None or value != value else str(value).strip()


def _choices(value: Any) -> tuple[str, ...]:
    choices = _texts("choices", value)
    if len(choices) > len(LETTERS):
        raise ValueError(f"choices: there are {len(choices)}, and letters for {len(LETTERS)}")
    return choices


def _texts(field: str, value: Any) -> tuple[str, ...]:
    """A list of texts; in a CSV file, where a cell is one text, a JSON list or a line for each."""
    if isinstance(value, str):
        value = json.loads(value) if value.lstrip().startswith("[") else value.splitlines()
    if not isinstance(value, list | None):
        raise ValueError(f"{field}: expected a list of texts, got {value!r}")
    return tuple(_text(field, item) or "" for item in value or ())


def _object(field: str, value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, dict | None):
        raise ValueError(f"{field}: expected an object, got {value!r}")
    return value or {}
