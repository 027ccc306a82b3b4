"""Annotate by a fresh rationale: the teacher writes its own explanation and does not see the student's."""

from typing import Literal

from elad.annotate.annotator import Annotator
from elad.answers import same_answer
from elad.records import Annotation, Attempt, Verdict
from elad.teacher.messages import Request, rationale_request, read_rationale


class Rationale(Annotator):
    """The teacher never judges the student's steps, so its verdict is only whether the answers agree."""

    kind: Literal["rationale"] = "rationale"

    def request(self, attempt: Attempt, max_output_tokens: int) -> Request:
        """The question alone."""
        return rationale_request(attempt.question, max_output_tokens)

    def read(self, attempt: Attempt, reply: str, call: str, audit: bool) -> Annotation:
        """The teacher's explanation, whole."""
        target = read_rationale(reply)
        said = attempt.explanation
        agrees = same_answer(said.answer, target.answer, attempt.question)
        flaw, why = (None, "") if agrees else (len(said.steps), "another answer")
        return Annotation(
            question=attempt.question,
            attempt=said,
            verdict=Verdict(first_flaw=flaw, why=why, of="answer"),
            target=target,
            authors=("teacher",) * len(target.steps),
            audit=audit,
            calls=(call,),
        )
