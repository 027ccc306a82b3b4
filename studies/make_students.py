"""Make the students of the studies, small enough to be taught a hundred times: `make students`.

`arithmetic`: 0.2M parameters, which have read chains of known operations in their three common wordings. What it is
to learn is the long tail: the other names of the same operations, each of which a few examples teach.
"""

import argparse
from pathlib import Path

from rich.console import Console

from elad.fit import Optimiser
from elad.fit.fit import fit
from elad.layout import PLAIN
from elad.progress import say, shown
from elad.records import Explanation, Question
from elad.student import Example, Student, tiny
from elad.worlds import Arithmetic
from elad.worlds.operations import Tier

EQUALLY: dict[Tier, float] = {"easy": 1.0, "middle": 1.0, "hard": 1.0}


def example(question: Question) -> Example:
    """A worked problem as a text to learn."""
    return Example(PLAIN.asked(question), PLAIN.written(Explanation(steps=question.steps, answer=question.answer)))


def main() -> None:
    """Train and save it, and say how good it is on wordings that it knows and on all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("runs/studies/students/arithmetic"))
    parser.add_argument("--count", type=int, default=48_000)
    parser.add_argument("--width", type=int, default=80)
    parser.add_argument("--layers", type=int, default=3)
    options = parser.parse_args()
    world = Arithmetic(size="small", wordings="common", tiers=EQUALLY, distractors=0.0, count=options.count, seed=11)
    student = Student(*tiny.blank(width=options.width, layers=options.layers, heads=4, seed=0), most=48)
    optimiser = Optimiser(learning_rate=4e-3, epochs=2, batch=64, warmup=0.03, weight_decay=0.05)
    with shown(Console()):
        say(f"{student.model.num_parameters():,} parameters")
        say(f"{fit(student, [example(q) for q in world.questions()], optimiser, 'study')}")
        for wordings in ("common", "all"):
            known = world.model_copy(update={"wordings": wordings, "zipf": 0.0, "count": 500, "seed": 7})
            questions = list(known.questions())
            right = sum(e.answer == q.answer for q, e in zip(questions, student.explain(questions), strict=True))
            say(f"{wordings} wordings: {right / len(questions):.1%}")
        student.save(options.to)


if __name__ == "__main__":
    main()
