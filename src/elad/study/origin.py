"""Where a run began, as far as runs must share that to be compared: questions, and the student before any round."""

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

from elad.ledger import Ledger
from elad.report import stored_recipe


class Origin(NamedTuple):
    """Names for what a run began with: the same where its content is the same.

    Accuracies on different held-out questions are not of one kind. Runs of one seed are a pair where all three are the
    same.
    """

    held_out: str
    pool: str
    student: str


def origin_of(ledger: Ledger) -> Origin:
    """What a run began with; the pool by the content of its questions, the student by its weights and template."""
    made_with = json.loads(ledger.fact("made with") or "{}")
    student = [made_with.get("base") or stored_recipe(ledger).student.model, made_with.get("chat template")]
    return Origin(
        held_out=_named(question.model_dump_json() for question in ledger.questions("held out")),
        pool=_named(
            f"{id} {digest}"
            for id, digest in ledger.read(
                "SELECT id, digest FROM questions WHERE state != 'held out' AND body IS NOT NULL ORDER BY id"
            )
        ),
        student=_named(map(str, student)),
    )


def _named(lines: Iterable[str]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of all of them."""
    named = hashlib.sha256()
    for line in lines:
        named.update(f"{line}\n".encode())
    return named.hexdigest()[:16]
