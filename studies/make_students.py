"""Make the students of the studies, small enough to be taught a hundred times: `make students`.

Each has 0.3M parameters and has read a built-in world in its common words. What it is to learn is the long tail: other
words for what it knows, each of which a few examples teach.

`arithmetic`: chains of operations, each in three of its wordings; `arithmetic-ways` has read them solved in any right
way. `deduction`: proofs of one rule and of two, in words that are the rarer the later they stand in the lists.
`arithmetic-mentor` is no
student: it is the one that ships, three times as large, after it has read all wordings, solved in one way.
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
from elad.worlds import Arithmetic, Deduction, World

_ARITHMETIC = Arithmetic(
    size="small", wordings="common", tiers={"easy": 1.0, "middle": 1.0, "hard": 1.0}, distractors=0.0, seed=11
)

WORLDS: dict[str, World] = {
    "arithmetic": _ARITHMETIC,
    "arithmetic-ways": _ARITHMETIC.model_copy(update={"ways": "any"}),
    "arithmetic-mentor": _ARITHMETIC.model_copy(update={"wordings": "all", "seed": 12}),
    "deduction": Deduction(hops=(1, 2), zipf=3.0, distractors=0.0, seed=11),
}
"""What each student reads."""

EPOCHS = {"arithmetic": 2, "arithmetic-ways": 2, "arithmetic-mentor": 1 / 3, "deduction": 5}

MENTORS = {"arithmetic-mentor"}
"""Those that begin as the one that ships, and not as blank ones."""

RARE: dict[str, dict[str, str]] = {"deduction": {"words": "all"}}
"""What makes its world the whole of it, where that is not all wordings."""


def example(question: Question) -> Example:
    """A worked problem as a text to learn."""
    return Example(PLAIN.asked(question), PLAIN.written(Explanation(steps=question.steps, answer=question.answer)))


def make(name: str, to: Path, count: int) -> None:
    """Train and save a student, and say how good it is on words that it knows and on all."""
    world = WORLDS[name].model_copy(update={"count": count})
    blank = Student(*tiny.blank(width=80, layers=3, heads=4, seed=0), most=64)
    student = Student.load("tiny", most=64) if name in MENTORS else blank
    rate = 1.5e-3 if name in MENTORS else 4e-3
    optimiser = Optimiser(learning_rate=rate, epochs=EPOCHS[name], batch=64, warmup=0.03, weight_decay=0.05)
    say(f"{name}: {student.model.num_parameters():,} parameters")
    say(f"{fit(student, [example(q) for q in world.questions()], optimiser, 'study')}")
    for words, changes in (("known words", {}), ("all words", RARE.get(name, {"wordings": "all"}))):
        fresh = world.model_copy(update={**changes, "zipf": 0.0, "count": 500, "seed": 7})
        questions = list(fresh.questions())
        right = sum(e.answer == q.answer for q, e in zip(questions, student.explain(questions), strict=True))
        say(f"{words}: {right / len(questions):.1%}")
    student.save(to / name)


def main() -> None:
    """Make those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *WORLDS], default=[])
    parser.add_argument("--to", type=Path, default=Path("runs/studies/students"))
    parser.add_argument("--count", type=int, default=48_000)
    options = parser.parse_args()
    with shown(Console()):
        for name in options.names or WORLDS:
            make(name, options.to, options.count)


if __name__ == "__main__":
    main()
