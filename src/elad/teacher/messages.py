"""What is said to a teacher: CLEAR as text.

    revise     user   {"question": "Mia has 12 coins. ...", "steps": {"1": "12 + 5 = 18."}, "answer": "18"}
               reply  {"flaw": 1, "why": "12+5 is 17", "steps": ["12 + 5 = 17."], "answer": "17"}

    dialogue   user   {"question": "Mia has 12 coins. ...", "steps": {"1": "12 + 5 = 17."}}
               reply  {"flaw": null}
               user   {"answer": "18"}
               reply  {"flaw": 2, "why": "that is not what was found", "steps": [], "answer": "17"}

Question and student text travel as JSON strings: data, whatever they say. Steps are numbered from 1 for the teacher
and from 0 everywhere else. The protocol (steps in order, the first flaw, only what follows it is written) is our own
reconstruction of ELAD's explanation revision; its prompts are not public.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from elad.records import Attempt, Question, Record


class Message(Record):
    """One turn of a conversation."""

    role: str
    content: str


class Request(Record):
    """What a teacher is asked. All of it counts towards the call's identity.

    `form`: a JSON schema of the reply, for endpoints that hold to one. `sample`: which of several answers to the same.
    """

    messages: tuple[Message, ...]
    max_output_tokens: int
    form: Mapping[str, Any] | None = None
    sample: int = 0

    def key(self, identity: Mapping[str, Any]) -> str:
        """The call's name: SHA-256 of who is asked and what, and of nothing else (no data set, round or parser)."""
        content = {"teacher": identity, "request": self.model_dump(mode="json")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def said(self) -> dict[str, Any]:
        """What all of the user's turns say together."""
        turns = [json.loads(message.content) for message in self.messages if message.role == "user"]
        together: dict[str, Any] = {}
        for turn in turns:
            together |= {**turn, "steps": {**together.get("steps", {}), **turn["steps"]}} if "steps" in turn else turn
        return together

    def wanted(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Of what could be said in reply, what is asked for."""
        fields = (self.form or {}).get("properties", content)
        return {name: value for name, value in content.items() if name in fields}

    @property
    def shows_explanation(self) -> bool:
        """Whether an explanation is to be judged, or a part of one; else one is to be written."""
        return not self.said().keys().isdisjoint({"steps", "answer"})

    def then(self, reply: str, user: str) -> "Request":
        """The next turn of the conversation."""
        turns = (Message(role="assistant", content=reply), Message(role="user", content=user))
        return self.model_copy(update={"messages": (*self.messages, *turns)})


WRITTEN = {"steps": {"type": "array", "items": {"type": "string"}}, "answer": {"type": ["string", "null"]}}
REVISED = {"flaw": {"type": ["integer", "null"]}, "why": {"type": "string"}, **WRITTEN}
REVISED_BRIEFLY = {name: kind for name, kind in REVISED.items() if name != "why"}


def rationale_request(prompt: str, question: Question, max_output_tokens: int) -> Request:
    """Ask for a solution from scratch."""
    return _request(prompt, _asked(question), WRITTEN, max_output_tokens)


def revise_request(prompt: str, attempt: Attempt, max_output_tokens: int, *, why: bool = True) -> Request:
    """Ask for the first flaw of a student's explanation, and its repair; and `why` it is a flaw."""
    said = attempt.explanation
    content = {**_asked(attempt.question), "steps": _numbered(said.steps), "answer": said.answer}
    return _request(prompt, content, REVISED if why else REVISED_BRIEFLY, max_output_tokens)


def dialogue_request(prompt: str, attempt: Attempt, max_output_tokens: int) -> Request:
    """Ask about the first step alone (of an explanation without steps, about its answer)."""
    content = {**_asked(attempt.question), **dialogue_turn(attempt, 0)}
    return _request(prompt, content, REVISED, max_output_tokens)


def dialogue_turn(attempt: Attempt, turn: int) -> dict[str, Any]:
    """What is shown at a turn (from 0): a step, and after the last the answer."""
    steps = attempt.explanation.steps
    if turn < len(steps):
        return {"steps": {str(turn + 1): steps[turn]}}
    return {"answer": attempt.explanation.answer}


def again_request(request: Request, reply: str, why: str) -> Request:
    """Ask once more, with what was wrong with the reply."""
    return request.then(reply, as_text({"problem": f"{why}. Reply with one JSON object and nothing else."}))


def as_text(content: Mapping[str, Any]) -> str:
    """Data as it stands in a message."""
    return json.dumps(content, ensure_ascii=False)


def _asked(question: Question) -> dict[str, Any]:
    return {"question": question.text, **({"choices": list(question.choices)} if question.choices else {})}


def _numbered(steps: tuple[str, ...]) -> dict[str, str]:
    return {str(number): step for number, step in enumerate(steps, start=1)}


def _request(prompt: str, content: Mapping[str, Any], fields: Mapping[str, Any], max_output_tokens: int) -> Request:
    fields = {**fields, "unusable": {"type": ["string", "null"]}}
    form = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    messages = (Message(role="system", content=prompt), Message(role="user", content=as_text(content)))
    return Request(messages=messages, max_output_tokens=max_output_tokens, form=form)
