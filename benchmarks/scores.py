"""Which score tells a flawed explanation from a sound one? `make scores` writes benchmarks/results/scores.json.

The shipped student explains fresh questions of both worlds; the worlds' exact checkers say which explanations have a
flaw; and every score is measured by its area under the ROC curve, with a 95% bootstrap interval over the questions.
Nothing is selected first, so the areas are those of the whole pool.
"""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from elad.evaluate import auroc
from elad.progress import say, shown
from elad.records import Attempt, Needs
from elad.select import SCORES, Egss
from elad.select.scores import Intra
from elad.student import Student
from elad.worlds import Arithmetic, Deduction, World

RESULTS = Path(__file__).parent / "results" / "scores.json"

WORLDS: dict[str, World] = {
    "arithmetic, small": Arithmetic(size="small", count=400, seed=21),
    "arithmetic, full": Arithmetic(size="full", count=400, seed=21),
    "deduction": Deduction(count=400, seed=21),
}
VARIANTS: tuple[Intra, ...] = ("removal", "rebuild", "entropy")
NEEDS = Needs(samples=5, temperature=0.7, removed=True, rebuilds=3)


def scores() -> dict[str, Callable[[Attempt], float | None]]:
    """Every score that a report compares, and EGSS with each variant."""
    return {**SCORES, **{f"egss, {variant}": Egss(intra=variant).score for variant in VARIANTS}}


def interval(values: list[float], marks: list[bool]) -> tuple[float, float]:
    """A 95% percentile bootstrap interval of the area, from 500 resamples."""
    rng = random.Random(0)
    areas = []
    for _ in range(500):
        rows = rng.choices(range(len(values)), k=len(values))
        area = auroc([values[i] for i in rows], [marks[i] for i in rows])
        if area is not None:
            areas.append(area)
    areas.sort()
    return round(areas[len(areas) // 40], 3), round(areas[-len(areas) // 40], 3)


def measure(student: Student, world: World) -> dict[str, object]:
    """The areas of all scores on one world."""
    attempts = student.attempt(list(world.questions()), NEEDS, "scores")
    marks = [world.check(a.question.text, a.explanation).first_flaw is not None for a in attempts]
    areas: dict[str, object] = {}
    for name, score in scores().items():
        values = [float(value) for a in attempts if (value := score(a)) is not None]
        area = auroc(values, marks)
        areas[name] = {"auroc": round(area, 3) if area is not None else None, "interval": interval(values, marks)}
        say(f"  {name:<20} {areas[name]}")
    return {"questions": len(marks), "flawed": sum(marks), "scores": areas}


def main() -> None:
    """Measure and write the results file."""
    student = Student.load("tiny", most=112)
    told: dict[str, object] = {"command": "make scores", "needs": NEEDS.model_dump()}
    with shown(Console(file=sys.stderr)):
        for name, world in WORLDS.items():
            say(name)
            told[name] = measure(student, world)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
