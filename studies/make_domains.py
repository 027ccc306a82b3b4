"""Make the five domains of the study of mixtures, and its two models: `make students`.

The teacher knows all of them, the student has read two. All of it follows from seeds.

    arithmetic   4 + 2 - 3               4 + 2 = 6.         3
    reverse      reverse q m d           d                  d m q
    walk         walk cups pens figs     keys beads figs    pens
    brackets     close < b > d {         {                  }
    facts        the coins Mia has       wooden             7

A walk goes on by chance, so that nobody can foretell its steps; its answer can be learnt: what mostly follows the last
word.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from elad.evaluate import evaluate
from elad.fit import Optimiser
from elad.fit.fit import fit
from elad.progress import say, shown
from elad.records import Explanation, Question
from elad.student import Student, tiny
from elad.worlds.operations import ITEMS, NAMES


class Problem(NamedTuple):
    """What is asked, the step on the way, and the answer."""

    asked: str
    step: str
    answer: str


def arithmetic(rng: random.Random) -> Problem:
    """Two operations on small digits; nothing falls below zero."""
    a, b, c = (rng.randint(0, 6) for _ in range(3))
    first = rng.choice("+-") if a >= b else "+"
    between = a + b if first == "+" else a - b
    then = rng.choice("+-") if between >= c else "+"
    answer = between + c if then == "+" else between - c
    return Problem(f"{a} {first} {b} {then} {c}", f"{a} {first} {b} = {between}.", str(answer))


def reverse(rng: random.Random) -> Problem:
    """Three letters, turned round."""
    letters = rng.choices("bcdfghjkmnpq", k=3)
    turned = letters[::-1]
    return Problem(f"reverse {' '.join(letters)}", turned[0], " ".join(turned))


_FOLLOWERS = {word: random.Random(f"walk/{word}").sample(ITEMS, 3) for word in ITEMS}


def walk(rng: random.Random) -> Problem:
    """Each word is followed by one of three, mostly by the first of them."""
    asked = rng.choices(ITEMS, k=4)
    went = asked[-1:]
    for _ in range(3):
        went += rng.choices(_FOLLOWERS[went[-1]], (0.6, 0.25, 0.15))
    return Problem(f"walk {' '.join(asked)}", " ".join(went[1:]), _FOLLOWERS[asked[-1]][0])


_CLOSES = {"<": ">", "[": "]", "{": "}"}


def brackets(rng: random.Random) -> Problem:
    """Code in which brackets open and close between letters: the one that is left open, and what closes it."""
    text: list[str] = []
    opened = ""
    for _ in range(rng.randint(3, 7)):
        if rng.random() < 0.35:
            text.append(rng.choice("bcdf"))
        else:
            text.append(_CLOSES[opened] if opened else rng.choice("<[{"))
            opened = "" if opened else text[-1]
    return Problem(f"close {' '.join(text)}", opened, _CLOSES[opened]) if opened else brackets(rng)


_LOOKS = ("blue", "red", "small", "large", "wooden", "bright", "sweet", "hot", "cold", "loud")
_WAYS = ("{item} {name}", "{name} {item}", "the {item} {name} has", "has {name} {item}", "the {name} {item}")


def facts(rng: random.Random) -> Problem:
    """How all of somebody's things look, and the number of the look: two tables to be known by heart."""
    number, item = rng.randrange(len(NAMES)), rng.choice(ITEMS)
    look = number * 7 % len(_LOOKS)
    return Problem(rng.choice(_WAYS).format(name=NAMES[number], item=item), _LOOKS[look], str((3 * look + 1) % 10))


DOMAINS: dict[str, Callable[[random.Random], Problem]] = {
    "arithmetic": arithmetic,
    "reverse": reverse,
    "walk": walk,
    "brackets": brackets,
    "facts": facts,
}

POOL = {"walk": 1600, "arithmetic": 800, "reverse": 600, "brackets": 480, "facts": 320}
"""Questions of the pool: most are of what nobody can foretell, or of what the student knows."""

EACH = 50
"""Questions of each domain that are held out."""


def stream(domain: str, seed: str) -> Iterator[Question]:
    """Questions of a domain without an end; some come again."""
    rng = random.Random(f"{seed}/{domain}")
    while True:
        asked, step, answer = DOMAINS[domain](rng)
        yield Question(id=f"{domain}/{asked}", text=asked, steps=(step,), answer=answer, domain=domain)


def distinct(questions: Iterator[Question], taken: set[str]) -> Iterator[Question]:
    """Those that are not taken; each is from then on."""
    for question in questions:
        if question.id not in taken:
            taken.add(question.id)
            yield question


def write(to: Path, questions: Sequence[Question]) -> None:
    """Write questions as a pool's file has them."""
    rows = [
        {"id": q.id, "question": q.text, "steps": q.steps, "answer": q.answer, "domain": q.domain} for q in questions
    ]
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


class Model(NamedTuple):
    """How large a model is, how much of which domain it reads in how many steps."""

    width: int
    reads: dict[str, int]
    steps: int


MODELS = {
    "domains-teacher": Model(96, {"arithmetic": 40, "reverse": 30, "walk": 10, "brackets": 10, "facts": 10}, 2500),
    "domains": Model(64, {"arithmetic": 45, "reverse": 55}, 3000),
}


def make(model: Model, held_out: list[Question], to: Path) -> None:
    """Train and save a model, and say how good it is in each domain."""
    student = Student(*tiny.blank(width=model.width, layers=3, heads=4, seed=0), most=16)
    say(f"{to.name}: {student.model.num_parameters():,} parameters")
    texts = 32 * model.steps
    drawn = [islice(stream(d, to.name), texts * share // 100) for d, share in model.reads.items()]
    examples = [
        student.example(q, Explanation(steps=q.steps, answer=q.answer)) for questions in drawn for q in questions
    ]
    optimiser = Optimiser(learning_rate=4e-3, steps=model.steps, batch=32, warmup=0.05, weight_decay=0.05)
    say(f"{fit(student, examples, optimiser, 'study')}")
    for name, score in evaluate(student, held_out).answers.domains.items():
        say(f"{name}: {score.share:.0%}")
    student.save(to)


def main() -> None:
    """Write the pool and what is held out, and make both models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *MODELS], default=[])
    parser.add_argument("--to", type=Path, default=Path("runs/studies"))
    options = parser.parse_args()
    taken: set[str] = set()
    held_out = [q for d in DOMAINS for q in islice(distinct(stream(d, "held out"), taken), EACH)]
    pool = [q for d, n in POOL.items() for q in islice(distinct(stream(d, "pool"), taken), n)]
    write(options.to / "data/domains_held_out.jsonl", held_out)
    write(options.to / "data/domains.jsonl", pool)
    with shown(Console()):
        for name in options.names or MODELS:
            make(MODELS[name], held_out, options.to / "students" / name)


if __name__ == "__main__":
    main()
