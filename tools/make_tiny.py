"""Make the student that ships with the package: `make tiny`.

It reads one- and two-step problems in common wordings, nearly all of them easy, and one- and two-hop proofs. So it
writes well-formed steps, is good at the easy tier, poor at the middle and lost at the hard. All of it
follows from the seed.
"""

import argparse
import random
import time
from pathlib import Path

from rich.console import Console

from elad.answers import same_answer
from elad.fit import Optimiser
from elad.fit.fit import fit
from elad.layout import PLAIN
from elad.progress import say, shown
from elad.records import Explanation, Question
from elad.student import Example, Student, tiny
from elad.worlds import Arithmetic, Deduction
from elad.worlds.operations import Tier

TIERS: dict[Tier, float] = {"easy": 0.98, "middle": 0.015, "hard": 0.005}


def lessons(count: int, seed: int) -> list[Example]:
    """What it reads: a third of deduction, and of arithmetic rather more in full than in small."""
    common = Arithmetic(operations=(1, 2), tiers=TIERS, wordings="common", seed=seed)
    worlds = (
        common.model_copy(update={"count": count * 2 // 5}),
        common.model_copy(update={"count": count // 4, "size": "small"}),
        Deduction(hops=(1, 2), distractors=0.1, count=count // 3, seed=seed),
    )
    read = [example(question) for world in worlds for question in world.questions()]
    random.Random(seed).shuffle(read)
    return read


def example(question: Question) -> Example:
    """A worked problem as a text to learn."""
    return Example(PLAIN.asked(question), PLAIN.written(Explanation(steps=question.steps, answer=question.answer)))


def accuracy(student: Student, questions: list[Question]) -> str:
    """Right answers, overall and by domain, on one line."""
    marks: dict[str, list[bool]] = {}
    for question, explanation in zip(questions, student.explain(questions), strict=True):
        marks.setdefault(str(question.domain), []).append(same_answer(explanation.answer, question.answer))
    return ", ".join(f"{name} {sum(m) / len(m):.2f}" for name, m in sorted(marks.items()))


def main() -> None:
    """Train, save, and say how good it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=tiny.FOLDER)
    parser.add_argument("--count", type=int, default=160_000, help="problems to read")
    options = parser.parse_args()
    began = time.monotonic()
    student = Student(*tiny.blank(seed=0), most=96)
    optimiser = Optimiser(learning_rate=2e-3, epochs=1, batch=64, warmup=0.03, weight_decay=0.05)
    with shown(Console()):
        say(f"{student.model.num_parameters():,} parameters")
        fitted = fit(student, lessons(options.count, seed=11), optimiser, "tiny")
        say(f"{fitted}")
        equal: dict[Tier, float] = {"easy": 1.0, "middle": 1.0, "hard": 1.0}
        for world in (
            Arithmetic(size="small", tiers=equal, count=300, seed=7),
            Arithmetic(size="full", tiers=equal, count=300, seed=7),
            Deduction(count=300, seed=7),
        ):
            say(f"{world.kind} {getattr(world, 'size', '')}: {accuracy(student, list(world.questions()))}")
        student.save(options.out)
        say(f"saved at {options.out} after {(time.monotonic() - began) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
