"""The deduction world: fictional ontologies, in the English of ProntoQA (Saparov and He 2022, arXiv 2210.01240).

    Every brimpus is a tumpus. Tumpuses are not cold. Rex is a brimpus. True or false: Rex is cold.
    Rex is a brimpus.  Every brimpus is a tumpus.  Rex is a tumpus.  Tumpuses are not cold.  Rex is not cold.  (False)

A proof states a fact, then a rule, then what follows from the two, and so on to the fact that was asked about. The
checker accepts any order in which everything has been stated before it is used, and any of the wordings of a rule.
"""

import random
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from pydantic import Field, field_validator

from elad.answers import same_answer
from elad.errors import UnreadableQuestion
from elad.records import Explanation, Question, Verdict
from elad.worlds.world import World

NAMES = ("Alex", "Fae", "Max", "Polly", "Rex", "Sally", "Sam", "Stella", "Wren")
NOUNS = (
    "brimpus", "dumpus", "gorpus", "grimpus", "impus", "jompus", "lempus", "lorpus", "numpus",
    "rompus", "shumpus", "sterpus", "tumpus", "vumpus", "wumpus", "yumpus", "zumpus",
)  # fmt: skip
FAMILIES = (
    ("blue", "red", "brown", "orange"), ("small", "large"), ("metallic", "wooden", "luminous", "liquid"),
    ("transparent", "opaque"), ("nervous", "happy", "feisty", "shy"), ("bright", "dull"),
    ("sweet", "sour", "spicy", "bitter"), ("floral", "fruity", "earthy"), ("hot", "cold", "temperate"),
    ("kind", "mean", "angry", "amenable", "aggressive"), ("melodic", "muffled", "discordant", "loud"),
    ("slow", "moderate", "fast"), ("windy", "sunny", "overcast", "rainy", "snowy"),
)  # fmt: skip
"""Adjectives that say something of the same quality; a question uses each quality once on its proof."""

COMMON_NOUNS, COMMON_ADJECTIVES = 9, 2
"""How many nouns, and adjectives of each quality, count as common: the first."""

VOCABULARY = (
    *NAMES,
    *(form for noun in NOUNS for form in (noun, f"{noun}es", f"{noun}es".capitalize())),
    *(adjective for family in FAMILIES for adjective in family),
    *["Each", "Every", "is", "are", "a", "an", "not", "True", "or", "false", "False"],
)
"""Every word of this English, for a tokenizer."""


class Said(NamedTuple):
    """What is said of a thing: that it is, or is not, a noun or an adjective."""

    word: str
    holds: bool = True

    def denied(self) -> "Said":
        """The opposite."""
        return Said(self.word, not self.holds)


class Fact(NamedTuple):
    """A fact: `Rex is not cold.`."""

    name: str
    said: Said


class Rule(NamedTuple):
    """A rule: `Every brimpus is a tumpus.`, `Tumpuses are not cold.`."""

    noun: str
    said: Said


class Deduction(World):
    """Proofs by modus ponens over a fictional ontology.

    `hops`: the fewest and most rules that a proof takes; short proofs are commoner, as 1 to the number of hops.
    `distractors`: the share of questions with facts and rules that the proof does not need. `words`: `common` leaves
    out the later nouns, and adjectives of a quality. `zipf`: the exponent by which later ones are rarer; 0: all alike.
    """

    kind: Literal["deduction"] = "deduction"
    hops: tuple[int, int] = (1, 5)
    distractors: float = Field(0.4, ge=0, le=1)
    words: Literal["all", "common"] = "all"
    zipf: float = Field(0.0, ge=0, le=3)

    @field_validator("hops")
    @classmethod
    def _ordered(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= value[0] <= value[1] <= 5:
            raise ValueError("should be the fewest and the most hops, between 1 and 5")
        return value

    def questions(self) -> Iterator[Question]:
        """The world's questions; no text stands twice in them."""
        return self.unique(self._question)

    def solve(self, question: str, prefix: Sequence[str] = (), lot: random.Random | None = None) -> Explanation:
        """The proof in the order fact, rule, fact, rule, ..., without what the prefix has stated: the one way."""
        problem = _read_question(question)
        reader = _Reader(problem)
        for step in prefix:
            if flaw := reader.take(step):
                raise ValueError(f"the step {step!r} has a flaw: {flaw}")
        steps = [sentence for sentence in problem.proof() if _read_sentence(sentence) not in reader.stated]
        return Explanation(steps=tuple(steps), answer=str(problem.truth()))

    def check(self, question: str, explanation: Explanation) -> Verdict:
        """The first step that is no sentence, is not given, does not follow from what was stated, or repeats it."""
        problem = _read_question(question)
        reader = _Reader(problem)
        for index, step in enumerate(explanation.steps):
            if flaw := reader.take(step):
                return Verdict(first_flaw=index, why=flaw)
        if problem.conclusion() not in reader.stated:
            return Verdict(first_flaw=len(explanation.steps), why="stops too early")
        if not same_answer(explanation.answer, str(problem.truth())):
            return Verdict(first_flaw=len(explanation.steps), why=f"the answer is {problem.truth()}")
        return Verdict(first_flaw=None)

    def _question(self, rng: random.Random, index: int) -> Question:
        hops = rng.choices(
            range(self.hops[0], self.hops[1] + 1), [1 / n for n in range(self.hops[0], self.hops[1] + 1)]
        )[0]
        distracted = rng.random() < self.distractors
        name = rng.choice(NAMES)
        common = self.words == "common"
        families = [family[:COMMON_ADJECTIVES] for family in FAMILIES] if common else FAMILIES
        family, *other_families = rng.sample(families, len(families))
        words = NOUNS[:COMMON_NOUNS] if common else NOUNS
        nouns = _drawn(rng, words, len(words), self.zipf)
        path, others = nouns[:hops], nouns[hops:]
        conclusion = Said(_drawn(rng, family, 1, self.zipf)[0], rng.random() < 0.5)
        rules = [Rule(noun, Said(after)) for noun, after in pairwise(path)] + [Rule(path[-1], conclusion)]
        facts = [Fact(name, Said(path[0]))]
        if distracted:
            rules += _beside_the_point(rng, path, others, family, other_families, self.zipf)
            facts.insert(0, Fact(name, Said(others[0])))
        rng.shuffle(rules)
        asked = Fact(name, conclusion if rng.random() < 0.5 else conclusion.denied())
        text = " ".join(
            [*(_say_rule(rng, r) for r in rules), *map(_say_fact, facts), f"True or false: {_say_fact(asked)}"]
        )
        solution = self.solve(text)
        return Question(
            id=f"deduction/{self.seed}/{index:05d}",
            text=text,
            answer=solution.answer,
            steps=solution.steps,
            domain=f"{hops} hop{'s' if hops > 1 else ''}{', distractors' if distracted else ''}",
            meta={"hops": hops, "distractors": distracted},
        )


class _Problem:
    """A question that has been read: what is given, in whose words, and what follows."""

    def __init__(self, given: dict[Fact | Rule, str], asked: Fact) -> None:
        self.given = given
        self.asked = asked
        self._reasons = self._follow()

    def _follow(self) -> dict[Fact, tuple[Fact, Rule] | None]:
        """Every fact that follows, by the shortest way: the fact and the rule that give it, or None for a given one."""
        reasons: dict[Fact, tuple[Fact, Rule] | None] = {fact: None for fact in self.given if isinstance(fact, Fact)}
        queue = list(reasons)
        for fact in queue:  # grows while it is read: breadth first
            for rule in self.given:
                if isinstance(rule, Rule) and fact.said == Said(rule.noun):
                    follows = Fact(fact.name, rule.said)
                    if follows not in reasons:
                        reasons[follows] = (fact, rule)
                        queue.append(follows)
        return reasons

    def truth(self) -> bool:
        """Whether what was asked about follows (else its denial does)."""
        return self.asked in self._reasons

    def conclusion(self) -> Fact:
        """The fact that settles the question."""
        return self.asked if self.truth() else Fact(self.asked.name, self.asked.said.denied())

    def settled(self) -> bool:
        """Whether just one of the asked fact and its denial follows."""
        return (self.asked in self._reasons) != (Fact(self.asked.name, self.asked.said.denied()) in self._reasons)

    def proof(self) -> list[str]:
        """The canonical steps."""
        steps: list[str] = []
        fact = self.conclusion()
        while (reason := self._reasons[fact]) is not None:
            before, rule = reason
            steps[:0] = [self.given[rule], _say_fact(fact)]
            fact = before
        return [_say_fact(fact), *steps]


class _Reader:
    """Follows an explanation: what has been stated so far."""

    def __init__(self, problem: _Problem) -> None:
        self._given = problem.given
        self.stated: set[Fact | Rule] = set()

    def take(self, step: str) -> str | None:
        """Follow one step; says what is wrong with it, in few words, or None."""
        sentence = _read_sentence(_LEAD_IN.sub("", step.strip()))
        if sentence is None:
            return "not a statement"
        if sentence in self.stated:
            return "repeats a step"
        if sentence not in self._given and not (isinstance(sentence, Fact) and self._follows(sentence)):
            return "does not follow"
        self.stated.add(sentence)
        return None

    def _follows(self, fact: Fact) -> bool:
        return any(
            isinstance(rule, Rule) and rule.said == fact.said and Fact(fact.name, Said(rule.noun)) in self.stated
            for rule in self.stated
        )


_LEAD_IN = re.compile(r"^(?:(?:so|then|first|next|now|finally|therefore|thus|hence)\b,?\s*)+", re.I)
_EVERY = re.compile(r"(?:each|every) (\w+) is (not )?(?:an? )?(\w+)", re.I)
_PLURAL = re.compile(r"(\w+) are (not )?(\w+)", re.I)
_FACT = re.compile(r"(\w+) is (not )?(?:an? )?(\w+)", re.I)


def _read_question(question: str) -> _Problem:
    body, asks, query = question.strip().partition("True or false:")
    asked = _read_sentence(query)
    if not asks or not isinstance(asked, Fact):
        raise UnreadableQuestion(
            f"not a question of the deduction world: it ends in no 'True or false: NAME is ...' ({question[:60]!r})"
        )
    given: dict[Fact | Rule, str] = {}
    for sentence in re.split(r"(?<=\.)\s+", body.strip()):
        meaning = _read_sentence(sentence)
        if meaning is None:
            raise UnreadableQuestion(f"the deduction world can't read the sentence {sentence!r}")
        given.setdefault(meaning, sentence)
    problem = _Problem(given, asked)
    if not problem.settled():
        raise UnreadableQuestion(f"neither or both of {query.strip()!r} and its denial follow")
    return problem


def _read_sentence(sentence: str) -> Fact | Rule | None:
    """`Tumpuses are not cold.` -> Rule("tumpus", Said("cold", False))."""
    text = " ".join(sentence.strip().rstrip(".").split())
    if match := _EVERY.fullmatch(text):
        return Rule(match[1].lower(), Said(match[3].lower(), not match[2]))
    if match := _PLURAL.fullmatch(text):
        return Rule(_singular(match[1]), Said(_singular(match[3]), not match[2]))
    if match := _FACT.fullmatch(text):
        return Fact(match[1].capitalize(), Said(match[3].lower(), not match[2]))
    return None


def _singular(word: str) -> str:
    return word.lower().removesuffix("es") if word.lower().endswith("uses") else word.lower()


def _say_fact(fact: Fact) -> str:
    return f"{fact.name} is {'' if fact.said.holds else 'not '}{_article(fact.said.word)}{fact.said.word}."


def _say_rule(rng: random.Random, rule: Rule) -> str:
    word, denial = rule.said.word, "" if rule.said.holds else "not "
    if rng.random() < 0.5:
        return f"{rule.noun}es are {denial}{word}{'es' if word in NOUNS else ''}.".capitalize()
    return f"{rng.choice(('Each', 'Every'))} {rule.noun} is {denial}{_article(word)}{word}."


def _article(word: str) -> str:
    return ("an " if word[0] in "aeiou" else "a ") if word in NOUNS else ""


def _drawn(rng: random.Random, words: Sequence[str], count: int, zipf: float) -> list[str]:
    """Different words, early ones likelier the larger the exponent (Efraimidis and Spirakis 2006)."""
    if not zipf:
        return rng.sample(words, count)
    keys = {word: rng.random() ** (rank**zipf) for rank, word in enumerate(words, start=1)}
    return sorted(words, key=lambda word: -keys[word])[:count]


def _beside_the_point(
    rng: random.Random,
    path: list[str],
    others: list[str],
    family: tuple[str, ...],
    families: list[tuple[str, ...]],
    zipf: float,
) -> list[Rule]:
    """Rules that the proof does not need: branches off it, a class that the name is of too, and a false trail.

    None of them says anything of the quality that is asked about of a class that the name belongs to.
    """
    qualities = iter(families)
    branches = rng.sample(others[2:], min(len(path), len(others) - 4))
    rules = [Rule(noun, Said(branch)) for noun, branch in zip(path, branches, strict=False) if rng.random() < 0.7]
    bearers = [noun for noun in (*path[:-1], *branches, others[0]) if rng.random() < 0.5]
    rules += [
        Rule(noun, Said(_drawn(rng, next(qualities), 1, zipf)[0], rng.random() < 0.5))
        for noun in bearers[: len(families)]
    ]
    stranger = others[1]  # nothing leads to it
    return [
        *rules,
        Rule(stranger, Said(_drawn(rng, family, 1, zipf)[0], rng.random() < 0.5)),
        Rule(stranger, Said(path[0])),
    ]
