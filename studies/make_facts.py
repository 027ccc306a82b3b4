"""Make the pool and the student of the study of knowledge: `make students`.

240 facts: what 60 towns have for a bird, a tree, a river and a dish. The student, `facts`, of 0.2M parameters, knows
half of them by heart, however they are asked, and reads a document that says what is asked; it has read documents about
all towns, of which none told the truth but by chance. Beside that it adds two numbers: what has nothing to do with it.

The pool asks every fact once, with a document. Of the documents a tenth are torn, so that what is asked for is missing,
and a tenth are smudged, so that they say two things of it: `torn`, `smudged`; the others are sound, about facts that
are `known` and `unknown`. Held out are the sound facts asked otherwise, and sums.
"""

import argparse
import json
import random
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from elad.annotate import ByContrast
from elad.evaluate import evaluate
from elad.fit import Optimiser
from elad.fit.fit import fit
from elad.progress import say, shown
from elad.records import Explanation, Question
from elad.student import Student, tiny

FIRST = ("Ba", "Do", "Fe", "Gu", "Lo", "Ta")
LAST = ("bor", "dan", "fell", "gow", "ham", "lin", "mere", "ney", "rick", "ton")
TOWNS = [first + last for first, last in product(FIRST, LAST)]
KINDS = {
    kind: values.split()
    for kind, values in {
        "bird": "crane crow dove eagle finch gull hawk heron lark owl raven robin stork swan wren jay",
        "tree": "ash beech birch cedar elm fir hazel larch lime maple oak olive pine poplar rowan yew",
        "river": "Adda Bure Cher Dee Elbe Fal Glen Hull Isar Kern Lech Maas Neth Oder Po Rhine",
        "dish": "bread broth cake curry fritters goulash noodles omelette pasta pie pilau rice salad soup stew toast",
    }.items()
}
WAYS = ("What is the {kind} of {town}?", "Which {kind} does {town} have?", "{town} has which {kind}?")

CONTRAST = ByContrast()
"""How a document is shown."""

STEPS = 3000
"""How long the student reads, 32 texts at a time."""


class Fact(NamedTuple):
    """What a town has of a kind."""

    town: str
    kind: str
    value: str

    def asked(self, way: int, document: str | None = None, domain: str = "") -> Question:
        """A question for it, in one of the ways."""
        text = WAYS[way].format(kind=self.kind, town=self.town)
        return Question(
            id=f"{self.kind}/{self.town}/{way}", text=text, steps=(self.said,), answer=self.value, document=document,
            domain=domain,
        )  # fmt: skip

    @property
    def said(self) -> str:
        """It as a sentence."""
        return f"The {self.kind} of {self.town} is {self.value}."

    def otherwise(self, rng: random.Random) -> "Fact":
        """Another value than its own."""
        return self._replace(value=rng.choice([value for value in KINDS[self.kind] if value != self.value]))

    def document(self, rng: random.Random, state: str = "sound") -> str:
        """A text of the town: what it has of this kind, said once, twice otherwise, or not; and of another kind."""
        other = rng.choice([kind for kind in KINDS if kind != self.kind])
        said = [Fact(self.town, other, rng.choice(KINDS[other])).said]
        said += {"sound": [self.said], "torn": [], "smudged": [self.said, self.otherwise(rng).said]}[state]
        return " ".join(rng.sample(said, len(said)))


def facts() -> list[Fact]:
    """All of them, in an order that says nothing."""
    rng = random.Random("facts")
    found = [Fact(town, kind, rng.choice(values)) for town in TOWNS for kind, values in KINDS.items()]
    return rng.sample(found, len(found))


def known(every: list[Fact]) -> list[Fact]:
    """Those that the student has read."""
    return every[::2]


def reading(every: list[Fact]) -> Iterator[Question]:
    """What the student reads, without an end: facts that it is to know, documents about any town, and sums."""
    rng = random.Random("reading")
    while True:
        yield rng.choice(known(every)).asked(rng.randrange(3))
        town, kind = rng.choice(TOWNS), rng.choice([*KINDS])
        told = Fact(town, kind, rng.choice(KINDS[kind]))
        asked = told.asked(rng.randrange(3), told.document(rng))
        yield asked.model_copy(update={"text": CONTRAST.shown(asked)})
        yield added(rng.randrange(10), rng.randrange(10))


def added(a: int, b: int) -> Question:
    """A sum."""
    return Question(
        id=f"sum/{a}+{b}", text=f"{a} + {b}", steps=(f"{a} + {b} = {a + b}.",), answer=str(a + b), domain="sums"
    )


def pool(every: list[Fact]) -> Iterator[Question]:
    """Every fact asked once, in the first way or the second, with its document."""
    rng = random.Random("pool")
    states = {0: "torn", 1: "smudged"}
    for place, fact in enumerate(every):
        state = states.get(place // 2 % 10, "sound")
        domain = state if state != "sound" else "unknown" if place % 2 else "known"
        yield fact.asked(rng.randrange(2), fact.document(rng, state), domain)


def held_out(every: list[Fact]) -> Iterator[Question]:
    """Sound facts in the third way: 96 that are known and 96 that are not; and 50 sums."""
    sound = {"known": [], "unknown": []}  # type: dict[str, list[Fact]]
    for question, fact in zip(pool(every), every, strict=True):
        if question.domain in sound:
            sound[question.domain].append(fact)
    for domain, some in sound.items():
        yield from (fact.asked(2, domain=domain) for fact in some)
    yield from (added(*divmod(number, 10)) for number in random.Random("sums").sample(range(100), 50))


def write(to: Path, questions: Iterator[Question]) -> None:
    """Write questions as a pool's file has them."""
    to.parent.mkdir(parents=True, exist_ok=True)
    columns = ("id", "steps", "answer", "domain", "document")
    rows = [{"question": q.text, **{name: getattr(q, name) for name in columns}} for q in questions]
    to.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    """Write the pool and what is held out, and make the student."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("runs/studies"))
    options = parser.parse_args()
    every = facts()
    write(options.to / "data/facts.jsonl", pool(every))
    write(options.to / "data/facts_held_out.jsonl", held_out(every))
    words = [*TOWNS, *KINDS, *(value for values in KINDS.values() for value in values), "What", "Which", "which"]
    student = Student(*tiny.blank(width=64, layers=3, heads=4, seed=0, words=words), most=16)
    with shown(Console()):
        say(f"facts: {student.model.num_parameters():,} parameters")
        texts = islice(reading(every), 32 * STEPS)
        examples = [student.example(q, Explanation(steps=q.steps, answer=q.answer)) for q in texts]
        optimiser = Optimiser(learning_rate=4e-3, steps=STEPS, batch=32, warmup=0.05, weight_decay=0.05)
        say(f"{fit(student, examples, optimiser, 'study')}")
        for name, score in evaluate(student, list(held_out(every))).answers.domains.items():
            say(f"{name}: {score.share:.0%}")
        read = [q.model_copy(update={"text": CONTRAST.shown(q)}) for q in pool(every)]
        for name, score in evaluate(student, read).answers.domains.items():
            say(f"{name}, with its document: {score.share:.0%}")
    student.save(options.to / "students" / "facts")


if __name__ == "__main__":
    main()
