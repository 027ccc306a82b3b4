"""What others can use: the student as a Hugging Face directory, and the annotations in TRL's data set formats.

sft.jsonl         {"prompt": "Question: ...", "completion": "12 + 5 = 17.\\nAnswer: 17\\n"}
preference.jsonl  {"prompt": ..., "chosen": the repaired explanation, "rejected": the student's}
stepwise.jsonl    {"prompt": ..., "completions": ["12 + 5 = 18."], "labels": [false]}
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from elad.errors import InputError, RunFolderError, StorageError
from elad.ledger import Ledger
from elad.loop import sound_student
from elad.records import Annotation, Explanation, Question
from elad.report import annotations
from elad.text import Layout


def export(ledger: Ledger, folder: Path) -> dict[str, int]:
    """Write the last student and the annotations into a new folder; returns how many rows each data set has.

    Raises InputError when the folder is there already, RunFolderError when no round has been trained yet.
    """
    student = sound_student(ledger)
    if student is None:
        raise RunFolderError(f"{ledger.folder} has no trained student yet: let it finish a round first.")
    bought = annotations(ledger)
    layout, chats = _layout(ledger, student)
    sets = {
        "sft": _sft(bought, layout, chats),
        "preference": _preference(bought, layout, chats),
        "stepwise": _stepwise(bought, layout),
    }
    draft = folder.with_name(f".{folder.name}.draft")
    try:
        if folder.exists():
            raise InputError(f"{folder} is there already; name a folder that is not.")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(student, draft)
        counts = {name: _write(draft / "annotations" / f"{name}.jsonl", rows) for name, rows in sets.items()}
        os.replace(draft, folder)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise StorageError(f"{folder} can't be written: {error.strerror or error}.") from error
    return counts


def _layout(ledger: Ledger, student: Path) -> tuple[Layout, bool]:
    """How the student is asked, and whether through a chat template."""
    recipe = json.loads(ledger.fact("recipe") or "{}")
    layout = Layout.model_validate(recipe["student"]["layout"])
    return layout, bool(ledger.fact("chat_template"))


def _sft(bought: Iterable[Annotation], layout: Layout, chats: bool) -> Iterator[dict[str, Any]]:
    for a in bought:
        yield {
            "prompt": _asked(a.question, layout, chats),
            "completion": _said(a.target, layout, chats),
        }


def _preference(bought: Iterable[Annotation], layout: Layout, chats: bool) -> Iterator[dict[str, Any]]:
    for a in bought:
        if a.verdict.first_flaw is not None and layout.written(a.attempt) != layout.written(a.target):
            yield {
                "prompt": _asked(a.question, layout, chats),
                "chosen": _said(a.target, layout, chats),
                "rejected": _said(a.attempt, layout, chats),
            }


def _stepwise(bought: Iterable[Annotation], layout: Layout) -> Iterator[dict[str, Any]]:
    """The student's steps up to the first flaw, which is where the teacher's judgement ends."""
    for a in bought:
        if a.verdict.of == "steps" and a.attempt.steps:
            flaw = a.verdict.first_flaw
            shown = a.attempt.steps if flaw is None else a.attempt.steps[: flaw + 1]
            yield {
                "prompt": layout.asked(a.question),
                "completions": list(shown),
                "labels": [i != flaw for i in range(len(shown))],
            }


def _asked(question: Question, layout: Layout, chats: bool) -> Any:
    """The prompt, as turns where the student chats."""
    said = layout.asked(question, chat=chats)
    if not chats:
        return said
    system = [{"role": "system", "content": layout.system}] if layout.system else []
    return [*system, {"role": "user", "content": said}]


def _said(explanation: Explanation, layout: Layout, chats: bool) -> Any:
    written = layout.written(explanation)
    return [{"role": "assistant", "content": written}] if chats else written


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> int:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    file.write_text("".join(lines), encoding="utf-8")
    return len(lines)
