"""Make the pool and the student of the IFD study: `make students`, or this once the arithmetic student is there.

The pool, with its annotations: 60% of its questions are the arithmetic world's with their solutions (`clean`); 20% have
the solution of another question, which is wrong for them (`mismatched`); 20% ask for 1 and 1, in whatever words, so
that the solution can be said without the question (`trivial`). The student, `reader`, is that of the arithmetic study,
once it has also read solutions without questions, as a language model has that was trained on texts: else it is
surprised by any.
"""

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from elad.fit import Optimiser
from elad.fit.fit import fit
from elad.layout import PLAIN
from elad.progress import say, shown
from elad.records import Explanation, Question
from elad.student import Example, Student
from elad.worlds import Arithmetic
from elad.worlds.operations import ITEMS, NAMES, OPERATIONS

POOL = Arithmetic(
    size="small", operations=(1, 2), tiers={"easy": 1.0, "middle": 1.0}, zipf=1.0, distractors=0.0, count=800, seed=1
)
"""Where the clean questions come from, and the mismatched ones: as in the arithmetic study."""

READ = Arithmetic(
    size="small",
    wordings="common",
    tiers={"easy": 1.0, "middle": 1.0, "hard": 1.0},
    distractors=0.0,
    count=8000,
    seed=11,
)
"""What the reader reads: problems that the arithmetic student has read, every other without its question."""


def rows() -> Iterator[dict[str, Any]]:
    """The pool: 600 clean questions, 200 mismatched, 200 trivial."""
    questions = list(POOL.questions())
    clean, mismatched = questions[:600], questions[600:]
    yield from (row(question, question, "clean") for question in clean)
    for place, question in enumerate(mismatched):
        others = mismatched[place + 1 :] + mismatched[:place]
        wrong = next(other for other in others if POOL.check(question.text, solution(other)).first_flaw is not None)
        yield row(question, wrong, "mismatched")
    yield from (row(question, question, "trivial") for question in ones())


def row(question: Question, solved: Question, domain: str) -> dict[str, Any]:
    """A question with a solution, its own or another's."""
    told = {"steps": solved.steps, "answer": solved.answer}
    return {"id": question.id, "question": question.text, **told, "domain": domain, "tier": question.domain}


def solution(question: Question) -> Explanation:
    """What the file says of a question."""
    return Explanation(steps=question.steps, answer=question.answer)


def ones() -> Iterator[Question]:
    """200 questions that come to 1 + 1."""
    gain = OPERATIONS[0]
    texts = sorted(
        f"{name} has 1 {item}. {name} {wording.format(a=1, i='').strip()}. How many {item}?"
        for name in NAMES
        for item in ITEMS
        for wording in gain.wordings
    )
    for number, text in enumerate(random.Random(1).sample(texts, 200)):
        solved = POOL.solve(text)
        yield Question(id=f"ones/{number:03d}", text=text, steps=solved.steps, answer=solved.answer, domain=gain.tier)


def reader(source: Path) -> Student:
    """The arithmetic student, once it has read solutions without questions too."""
    student = Student.load(source, most=48)
    texts = [
        Example(PLAIN.alone() if number % 2 else PLAIN.asked(question), PLAIN.written(solution(question)))
        for number, question in enumerate(READ.questions())
    ]
    say(f"reader: {fit(student, texts, Optimiser(learning_rate=1e-3, epochs=1, batch=32), 'study')}")
    return student


def main() -> None:
    """Make both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("runs/studies"))
    folder = parser.parse_args().to
    pool = folder / "data" / "mismatched.jsonl"
    pool.parent.mkdir(parents=True, exist_ok=True)
    pool.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    with shown(Console()):
        reader(folder / "students" / "arithmetic").save(folder / "students" / "reader")


if __name__ == "__main__":
    main()
