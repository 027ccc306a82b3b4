"""The teacher that was recorded: rationales of a file, replayed."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from elad import text
from elad.answers import same_answer
from elad.errors import InputError
from elad.pool import File, Target
from elad.records import AnswerKind, Question
from elad.teacher.messages import Request
from elad.teacher.teacher import Reply, Teacher, counted_reply


class Recorded(Teacher):
    """Replays a file of questions with steps and answers: a data set's own, or those of an LLM that was asked before.

    `path`, `fields`, `where` and `answers` are a pool's file's; of several records of a question the first counts.
    `accepts` says when a revision accepts the student's explanation: `answer`, when its answer is the record's, or
    `steps`, when its steps are too, word for word. A record can't judge other wordings: the first flaw is the first
    step that differs from it, so that with `answer` a right answer by wrong steps passes.
    """

    kind: Literal["recorded"] = "recorded"
    path: Path
    fields: dict[Target, str | list[str] | None] = Field(default_factory=dict)
    where: dict[str, Any] = Field(default_factory=dict)
    answers: AnswerKind = "auto"
    accepts: Literal["answer", "steps"] = "answer"

    converses: ClassVar[bool] = False

    @property
    def judges_steps(self) -> bool:
        """What it accepts by its answer, it accepts by whatever steps."""
        return self.accepts == "steps"

    def ready(self) -> None:
        """Read the file. Raises InputError where it can't be read or holds no rationale."""
        if not self._records:
            raise InputError(f"teacher.path: {self.path} holds no question with steps and an answer to replay")

    async def ask(self, request: Request) -> Reply:
        """The record of the question, whole or from the student's first departure on."""
        asked = request.said()
        record = self._records.get(_key(asked["question"], tuple(asked.get("choices", ()))))
        if record is None:
            content: dict[str, Any] = {"unusable": "no recorded rationale"}
        elif "steps" in asked:
            content = self._revise(record, list(asked["steps"].values()), asked["answer"])
        else:
            content = {"steps": record.steps, "answer": record.answer}
        return counted_reply(request, json.dumps(request.wanted(content), ensure_ascii=False))

    def _revise(self, record: Question, steps: list[str], answer: str | None) -> dict[str, Any]:
        right = same_answer(answer, record.answer, record)
        if right and (self.accepts == "answer" or text.same_steps(steps, record.steps)):
            return {"flaw": None}
        pairs = zip(map(text.canonical_step, steps), map(text.canonical_step, record.steps), strict=False)
        agreed = next((i for i, (said, kept) in enumerate(pairs) if said != kept), min(len(steps), len(record.steps)))
        why = "differs from the record" if agreed < len(steps) else f"the answer is {record.answer}"
        return {"flaw": agreed + 1, "why": why, "steps": record.steps[agreed:], "answer": record.answer}

    @cached_property
    def _records(self) -> dict[str, Question]:
        records: dict[str, Question] = {}
        source = File(path=self.path, fields=self.fields, where=self.where, answers=self.answers)
        for _, row in source.rows():
            if isinstance(row, Question) and row.answer is not None and row.steps:
                records.setdefault(_key(row.text, row.choices), row)
        return records


def _key(question: str, choices: tuple[str, ...]) -> str:
    return text.question_digest(Question(id="", text=question, choices=choices))
