"""How a teacher's reply is read, once it is on the disk.

What is plainly meant is read: an object in prose or in a code block, behind a model's thoughts, with the single
backslashes of formulas, raw line breaks or a comma too many. What is not stays in the ledger, for a newer parser.
"""

import json
import re
from typing import Any, TypeVar

from pydantic import ValidationError

from elad.records import Explanation, Record, Verdict
from elad.text import whole

_ESCAPE = re.compile(r"""\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?""")
"""A backslash, with what JSON lets follow it."""

_COMMAND = re.compile(r"(?<!\\)\\(?=[bf][a-zA-Z]{2}|(?:times|text|theta|tan|tau|neq|nabla|rho|right)(?![a-z]))")
"""The backslash of a formula's command that JSON would take for a line break, a tab and their like."""

_COMMA = re.compile(r",(?=\s*[\]}])")
"""A comma with nothing to follow."""

R = TypeVar("R", bound=Record)


class Revision(Record):
    """The teacher's word on an attempt: its verdict, and the explanation repaired from the first flaw on."""

    verdict: Verdict
    explanation: Explanation


class BadReply(Exception):
    """A reply that holds no usable answer, and why; the raw text stays in the ledger."""


class Declined(BadReply):
    """The teacher says itself that the question can't be answered."""


class _Written(Record):
    steps: tuple[str, ...]
    answer: str | None


class _Revised(Record):
    flaw: int | None
    why: str = ""
    steps: tuple[str, ...] = ()
    answer: str | None = None


def read_rationale(reply: str) -> Explanation:
    """The explanation in a reply to `rationale_request`. Raises BadReply."""
    written = _parsed(reply, _Written)
    if not written.steps or not (written.answer or "").strip():
        raise BadReply("the reply has no steps or no answer")
    return Explanation(steps=written.steps, answer=written.answer)


def read_revision(reply: str, attempt: Explanation, asked: int | None = None) -> Revision:
    """The verdict and the repaired explanation in a reply to `revise_request`. Raises BadReply.

    `asked`: the number of the only step (from 0; m for the answer) that the reply is to be about, in a dialogue.
    """
    revised = _parsed(reply, _Revised)
    verdict = _verdict(revised, attempt, asked)
    kept = verdict.first_flaw
    if kept is None:
        return Revision(verdict=verdict, explanation=attempt)
    if not (revised.answer or "").strip():
        raise BadReply("the reply names a flaw and gives no answer")
    repaired = Explanation(steps=(*attempt.steps[:kept], *revised.steps), answer=revised.answer)
    return Revision(verdict=verdict, explanation=repaired)


def read_verdict(reply: str, attempt: Explanation) -> Verdict:
    """The verdict in such a reply, whether or not it writes on from the flaw. Raises BadReply."""
    return _verdict(_parsed(reply, _Revised), attempt)


def _verdict(revised: _Revised, attempt: Explanation, asked: int | None = None) -> Verdict:
    if revised.flaw is None:
        if attempt.answer is None and asked in (None, len(attempt.steps)):
            raise BadReply("the reply accepts an explanation that has no answer")
        return Verdict(first_flaw=None)
    kept = revised.flaw - 1
    if not 0 <= kept <= len(attempt.steps) or asked not in (None, kept):
        expected = f"of {len(attempt.steps)}" if asked is None else f"where it was asked about {asked + 1}"
        raise BadReply(f"the reply names step {revised.flaw} {expected}")
    return Verdict(first_flaw=kept, why=revised.why)


def _parsed(reply: str, kind: type[R]) -> R:
    try:
        content = _object(reply)
    except (ValueError, RecursionError):
        try:
            content = _object(reply.rpartition("</think>")[2])
        except (ValueError, RecursionError) as error:
            raise BadReply("the reply is not JSON") from error
    if isinstance(content, dict) and (why := whole(content.pop("unusable", None) or "").strip()):
        raise Declined(why)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise BadReply(f"the reply's {where!r} is missing or of another kind than asked for") from error


def _object(said: str) -> Any:
    """The JSON object in a text: first as it stands, then without what plainly should not stand there."""
    said = said[said.find("{") : said.rfind("}") + 1]
    said = _COMMAND.sub(r"\\\\", said)
    try:
        return json.loads(said, strict=False)
    except ValueError:
        escaped = _ESCAPE.sub(lambda found: found[0] if found[1] else r"\\", said)
        return json.loads(_COMMA.sub("", escaped), strict=False)
