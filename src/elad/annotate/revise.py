"""Annotate by explanation revision, CLEAR (ELAD, arXiv 2402.13098).

That the teacher detects and corrects flaws in the student's own reasoning is attested; the order of the steps, the
rule of the first flaw and that accepted steps stay as the student wrote them are the project's specification.
"""

from typing import Any, Literal

from pydantic import model_validator

from elad.annotate.talker import Talker
from elad.records import Annotation, Attempt
from elad.teacher.messages import Request, revise_request
from elad.teacher.prompts import prompt
from elad.teacher.replies import Revision, read_revision


class Revise(Talker):
    """The teacher finds the first flawed step and writes only what follows it.

    `why`: whether it also says what is wrong, which people read and no training does; where explanations are short,
    that is a good part of what a repair costs. Without it, the prompt that is named must not ask for it.
    """

    kind: Literal["revise"] = "revise"
    prompt: str = "revise-1"
    why: bool = True

    @model_validator(mode="before")
    @classmethod
    def _brief_by_its_prompt(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("why") is False:
            return {"prompt": "revise-brief-1", **content}
        return content

    def request(self, attempt: Attempt, max_output_tokens: int) -> Request:
        """The question with the student's explanation."""
        return revise_request(prompt(self.prompt), attempt, max_output_tokens, why=self.why)

    def read(self, attempt: Attempt, request: Request, reply: str) -> Annotation:
        """The student's steps before the first flaw, and the teacher's from there on."""
        return revised(attempt, read_revision(reply, attempt.explanation))

    def agree(self, one: Annotation, other: Annotation) -> bool:
        """Whether they see the same step as the first flawed one."""
        return same_flaw(one, other)


def same_flaw(one: Annotation, other: Annotation) -> bool:
    """Whether two revisions see the same step as the first flawed one."""
    return one.verdict.first_flaw == other.verdict.first_flaw


def revised(attempt: Attempt, revision: Revision) -> Annotation:
    """An attempt with the teacher's word on it."""
    flaw = revision.verdict.first_flaw
    steps = len(revision.explanation.steps)
    kept = steps if flaw is None else flaw
    return Annotation(
        question=attempt.question,
        attempt=attempt.explanation,
        verdict=revision.verdict,
        target=revision.explanation,
        authors=("student",) * kept + ("teacher",) * (steps - kept),
    )
