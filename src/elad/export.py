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
from elad.records import Annotation
from elad.report import annotations
from elad.text import prompt, written


def export(ledger: Ledger, folder: Path) -> dict[str, int]:
    """Write the last student and the annotations into a new folder; returns how many rows each data set has.

    Raises InputError when the folder is there already, RunFolderError when no round has been trained yet.
    """
    student = sound_student(ledger)
    if student is None:
        raise RunFolderError(f"{ledger.folder} has no trained student yet: let it finish a round first.")
    bought = annotations(ledger)
    sets = {"sft": _sft(bought), "preference": _preference(bought), "stepwise": _stepwise(bought)}
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


def _sft(bought: Iterable[Annotation]) -> Iterator[dict[str, Any]]:
    for a in bought:
        yield {"prompt": prompt(a.question), "completion": written(a.target)}


def _preference(bought: Iterable[Annotation]) -> Iterator[dict[str, Any]]:
    for a in bought:
        if a.verdict.first_flaw is not None and written(a.attempt) != written(a.target):
            yield {"prompt": prompt(a.question), "chosen": written(a.target), "rejected": written(a.attempt)}


def _stepwise(bought: Iterable[Annotation]) -> Iterator[dict[str, Any]]:
    """The student's steps up to the first flaw, which is where the teacher's judgement ends."""
    for a in bought:
        if a.verdict.of == "steps" and a.attempt.steps:
            flaw = a.verdict.first_flaw
            shown = a.attempt.steps if flaw is None else a.attempt.steps[: flaw + 1]
            yield {
                "prompt": prompt(a.question),
                "completions": list(shown),
                "labels": [i != flaw for i in range(len(shown))],
            }


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> int:
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    file.write_text("".join(lines), encoding="utf-8")
    return len(lines)
