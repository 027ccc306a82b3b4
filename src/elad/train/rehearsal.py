"""Rehearsal: mixing in what the student already does well, so that new lessons do not wipe it out.

Without it a small student forgets: a few dozen annotations of hard questions, gone over for epochs, cost it the easy
ones.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from elad.errors import InputError
from elad.pool import File, Target
from elad.records import Annotation, Explanation, Question, Record
from elad.select.scores import step_entropy_mean
from elad.student import Example
from elad.text import question_digest
from elad.turn import Turn


class RehearsalFile(Record):
    """Worked examples to rehearse: a file with questions, steps and answers, read as a pool's file is."""

    path: Path
    fields: dict[Target, str | list[str] | None] = Field(default_factory=dict)
    where: dict[str, Any] = Field(default_factory=dict)


class Rehearsal(Record):
    """What is gone over again beside a round's annotations.

    All earlier annotations always are. Up to `items` in all are then added: first from `file`, then the student's own
    surest attempts of the round (the `surest` share of those that were not paid for, by step entropy), repeated as
    they are. 0 items is no rehearsal beyond the earlier annotations.
    """

    items: int = Field(300, ge=0)
    surest: float = Field(0.5, ge=0, le=1)
    file: RehearsalFile | None = None

    def ready(self) -> None:
        """Read the file. Raises InputError where it can't be read, or a row of it can't be rehearsed."""
        list(self._from_file())

    def examples(self, turn: Turn, new: Sequence[Annotation]) -> list[Example]:
        """The texts to mix in: none of the round's annotations, and nothing that is held out."""
        earlier = [example for annotation in turn.earlier for example in turn.student.examples(annotation)]
        taken = turn.held_out | {question_digest(annotation.question) for annotation in new}
        filed = [
            turn.student.example(question, said)
            for question, said in self._from_file()
            if question_digest(question) not in taken
        ]
        return earlier + [*filed, *self._surest(turn, new)][: max(0, self.items - len(earlier))]

    def _from_file(self) -> Iterator[tuple[Question, Explanation]]:
        if self.file is None:
            return
        for where, row in File(path=self.file.path, fields=self.file.fields, where=self.file.where).rows():
            if isinstance(row, str):
                raise InputError(f"train.rehearsal.file: {where}: {row}")
            if row.answer is None or not row.steps:
                raise InputError(f"train.rehearsal.file: {where}: it has no steps or no answer to rehearse")
            yield row, Explanation(steps=row.steps, answer=row.answer)

    def _surest(self, turn: Turn, new: Sequence[Annotation]) -> list[Example]:
        """The surest attempts, none that was paid for or has no answer; no more are in memory than are wanted."""
        paid = turn.chosen | {annotation.question.id for annotation in new}
        ranked = sorted(
            (step_entropy_mean(attempt), attempt.question.id)
            for attempt in turn.attempts
            if attempt.question.id not in paid and attempt.explanation.answer is not None
        )
        places = {
            id: place for place, (_, id) in enumerate(ranked[: min(self.items, round(len(ranked) * self.surest))])
        }
        surest = [attempt for attempt in turn.attempts if attempt.question.id in places]
        surest.sort(key=lambda attempt: places[attempt.question.id])
        return [turn.student.example(attempt.question, attempt.explanation) for attempt in surest]
