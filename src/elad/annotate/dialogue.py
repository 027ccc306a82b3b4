"""Annotate by a dialogue: explanation revision step by step, as far as the first flaw (ELAD, arXiv 2402.13098).

The teacher sees a step only when it has accepted those before it, so that it can't judge by the end. That costs a call
a step; the conversation so far is read again each time, at the price of cached input where an endpoint caches.
The protocol is our own reconstruction, as `revise` is.
"""

from typing import ClassVar, Literal

from elad.annotate.revise import revised, same_flaw
from elad.annotate.talker import Talker
from elad.records import Annotation, Attempt
from elad.teacher.messages import Request, as_text, dialogue_request, dialogue_turn
from elad.teacher.prompts import prompt
from elad.teacher.replies import read_revision


class Dialogue(Talker):
    """The teacher reads a step at a time and, at the first flawed one, writes what follows."""

    kind: Literal["dialogue"] = "dialogue"
    prompt: str = "dialogue-1"

    converses: ClassVar[bool] = True

    def request(self, attempt: Attempt, max_output_tokens: int) -> Request:
        """The question with the first step."""
        return dialogue_request(prompt(self.prompt), attempt, max_output_tokens)

    def most_calls(self, steps: int) -> int:
        """As many as there are steps, and one for the answer."""
        return super().most_calls(steps) * (steps + 1)

    def read(self, attempt: Attempt, request: Request, reply: str) -> Annotation | Request:
        """The next step to look at, or the annotation once there is a flaw or nothing left."""
        asked = request.said()
        steps = len(attempt.explanation.steps)
        turn = steps if "answer" in asked else len(asked["steps"]) - 1
        revision = read_revision(reply, attempt.explanation, asked=turn)
        if revision.verdict.first_flaw is None and turn < steps:
            return request.then(reply, as_text(dialogue_turn(attempt, turn + 1)))
        return revised(attempt, revision)

    def agree(self, one: Annotation, other: Annotation) -> bool:
        """Whether they see the same step as the first flawed one."""
        return same_flaw(one, other)
