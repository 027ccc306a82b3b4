"""The annotations in TRL's data set formats, as a student is asked: plainly, or in turns where the format knows them.

sft.jsonl         {"prompt": "Question: ...", "completion": "12 + 5 = 17.\\nAnswer: 17\\n"}
preference.jsonl  {"prompt": ..., "chosen": the repaired explanation, "rejected": the student's, or what contradicts it}
stepwise.jsonl    {"prompt": ..., "completions": ["12 + 5 = 18."], "labels": [false]}
left_out.jsonl    {"prompt": ..., "completion": ..., "why": "IFD 1.21 is above 1"}, which stands in no other file

What is learnt beside a target, such as a mentor's explanations, is a row of its own in sft.jsonl, behind the target's.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from elad.layout import Layout
from elad.records import Annotation, Explanation, Question


def write(
    bought: Sequence[Annotation], left_out: Mapping[str, str], layout: Layout, folder: Path, *, chats: bool
) -> dict[str, int]:
    """Write the data sets into a new folder; how many rows each has.

    `left_out`: why some are not trained on, by the ids of their questions. They stand in a file of their own.
    """
    folder.mkdir(parents=True)
    kept = [a for a in bought if a.question.id not in left_out]
    sets = {
        "sft": _sft(kept, layout, chats),
        "preference": _preference(kept, layout, chats),
        "stepwise": _stepwise(kept, layout, chats),
    }
    if left_out:
        rest = [a for a in bought if a.question.id in left_out]
        sets["left_out"] = ({**row, "why": left_out[a.question.id]} for a in rest for row in _sft([a], layout, chats))
    return {name: _write(folder / f"{name}.jsonl", rows) for name, rows in sets.items()}


def _sft(bought: Iterable[Annotation], layout: Layout, chats: bool) -> Iterator[dict[str, Any]]:
    for a in bought:
        for said in a.learnt:
            yield {"prompt": _asked(a.question, layout, chats), "completion": _said(said, layout, chats)}


def _preference(bought: Iterable[Annotation], layout: Layout, chats: bool) -> Iterator[dict[str, Any]]:
    for a in bought:
        for said in a.learnt if a.rejected else ():
            if a.rejected and layout.written(a.rejected) != layout.written(said):
                yield {
                    "prompt": _asked(a.question, layout, chats),
                    "chosen": _said(said, layout, chats),
                    "rejected": _said(a.rejected, layout, chats),
                }


def _stepwise(bought: Iterable[Annotation], layout: Layout, chats: bool) -> Iterator[dict[str, Any]]:
    """The student's steps up to the first flaw, which is where the teacher's judgement ends."""
    for a in bought:
        if a.verdict.of == "steps" and a.attempt.steps:
            flaw = a.verdict.first_flaw
            shown = a.attempt.steps if flaw is None else a.attempt.steps[: flaw + 1]
            yield {
                "prompt": layout.asked(a.question, chat=chats),
                "completions": list(shown),
                "labels": [i != flaw for i in range(len(shown))],
            }


def _asked(question: Question, layout: Layout, chats: bool) -> Any:
    return layout.turns(question) if chats else layout.asked(question)


def _said(explanation: Explanation, layout: Layout, chats: bool) -> Any:
    written = layout.written(explanation)
    return [{"role": "assistant", "content": written}] if chats else written


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> int:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    file.write_text("".join(lines), encoding="utf-8")
    return len(lines)
