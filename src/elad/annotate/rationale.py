"""Annotate by a fresh rationale: the teacher writes its own explanation and does not see the student's."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from elad.annotate.talker import Talker
from elad.answers import same_answer
from elad.records import Annotation, Attempt, Verdict
from elad.teacher.messages import Request, rationale_request
from elad.teacher.prompts import prompt
from elad.teacher.replies import read_rationale


class Rationale(Talker):
    """The teacher never judges the student's steps, so its verdict is only whether the answers agree.

    `rationales`: so many are bought of each question (Mentor-KD has three). Those that come to the answer to which most
    of them come are learnt, each once.
    """

    kind: Literal["rationale"] = "rationale"
    prompt: str = "rationale-1"
    rationales: int = Field(1, gt=0)

    reads_attempts: ClassVar[bool] = False

    def request(self, attempt: Attempt, max_output_tokens: int) -> Request:
        """The question alone."""
        return rationale_request(prompt(self.prompt), attempt.question, max_output_tokens)

    def read(self, attempt: Attempt, request: Request, reply: str) -> Annotation:
        """The teacher's explanation, whole."""
        target = read_rationale(reply)
        said = attempt.explanation
        return Annotation(
            question=attempt.question,
            attempt=said,
            verdict=Verdict.by_answer(said, same_answer(said.answer, target.answer, attempt.question)),
            target=target,
            authors=("teacher",) * len(target.steps),
        )

    @property
    def first_votes(self) -> int:
        """All that are wanted, and a majority where there are votes."""
        return max(self.majority, self.rationales)

    def chosen(self, group: Sequence[Annotation]) -> Annotation:
        """The first, and beside it as many more as are wanted."""
        _, *others = dict.fromkeys(annotation.target for annotation in group[: self.rationales])
        return group[0].model_copy(update={"more": tuple(others)})

    def agree(self, one: Annotation, other: Annotation) -> bool:
        """Whether their answers are the same."""
        return same_answer(one.target.answer, other.target.answer, one.question)
