"""The questions that every client is to have annotated, as one JSON object a line.

    {"id": ..., "attempt": {...}, "messages": [...], "reply": "...", "answer": "..."}

Ours reads the attempts and writes the messages itself; the other clients are given the same messages. The endpoint is
given the replies, so that it has nothing to compute.
"""

import json
from pathlib import Path

from elad.annotate import Revise
from elad.records import Attempt, Evidence, Explanation
from elad.worlds import Arithmetic

LONGEST = 256
"""Tokens that a reply may have."""

_WRONG = Explanation(steps=("1 + 1 = 3.",), answer="3")
"""What the student is said to have written of every question: the reply is the whole solution."""


def write_exercise(file: Path, count: int) -> None:
    """Write so many questions of the arithmetic world, and the replies that are right."""
    world = Arithmetic(count=count, seed=41)
    with file.open("w") as out:
        for question in world.questions():
            attempt = Attempt(question=question, explanation=_WRONG, evidence=Evidence(steps=()))
            request = Revise().request(attempt, LONGEST)
            solution = world.solve(question.text)
            reply = {"flaw": 1, "why": "does not follow", "steps": solution.steps, "answer": solution.answer}
            row = {
                "id": question.id,
                "attempt": attempt.model_dump(mode="json"),
                "messages": [message.model_dump() for message in request.messages],
                "reply": json.dumps(reply),
                "answer": question.answer,
            }
            out.write(json.dumps(row) + "\n")
