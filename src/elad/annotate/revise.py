"""Annotate by explanation revision, CLEAR (ELAD, arXiv 2402.13098).

That the teacher detects and corrects flaws in the student's own reasoning is attested; the order of the steps, the
rule of the first flaw and that accepted steps stay as the student wrote them are the project's specification.
"""

from typing import Literal

from elad.annotate.annotator import Annotator
from elad.records import Annotation, Attempt
from elad.teacher.messages import Request, read_revision, revise_request


class Revise(Annotator):
    """The teacher finds the first flawed step and writes only what follows it."""

    kind: Literal["revise"] = "revise"

    def request(self, attempt: Attempt, max_output_tokens: int) -> Request:
        """The question with the student's explanation."""
        return revise_request(attempt, max_output_tokens)

    def read(self, attempt: Attempt, reply: str, call: str, audit: bool) -> Annotation:
        """The student's steps before the first flaw, and the teacher's from there on."""
        revision = read_revision(reply, attempt.explanation)
        flaw = revision.verdict.first_flaw
        steps = len(revision.explanation.steps)
        kept = steps if flaw is None else flaw
        return Annotation(
            question=attempt.question,
            attempt=attempt.explanation,
            verdict=revision.verdict,
            target=revision.explanation,
            authors=("student",) * kept + ("teacher",) * (steps - kept),
            audit=audit,
            calls=(call,),
        )
