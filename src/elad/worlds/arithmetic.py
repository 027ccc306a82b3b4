"""The arithmetic world: a count that changes, told in English, one equation a step.

    Mia has 12 coins. Mia finds 5 coins. Tom has 7 hats. Mia halves the coins... How many coins does Mia have?
    12 + 5 = 17.  ...  Answer: 8

Sentences about anybody but the person asked about are distractors. Steps are equations on the running count. What
shifts the count (gain, lose, ...) commutes with its neighbours that shift it too, and so does what scales it, so the
checker accepts those orders; it accepts symbols or words, either order of the operands of + and *, units and
lead-ins.
"""

import math
import random
import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from pydantic import Field, field_validator

from elad.answers import same_answer
from elad.errors import UnreadableQuestion
from elad.records import Explanation, Question, Verdict
from elad.worlds.operations import COMMON, ITEMS, NAMES, OPERATIONS, TIERS, Operation, Tier, find_operation
from elad.worlds.world import World

_Link = tuple[Operation, tuple[int, ...]]

Ways = Literal["one", "any"]
"""Whether a question is solved in one way, the same each time, or in any right way, by lot."""


class _Size(NamedTuple):
    top: int  # the largest count
    operand: int  # the largest number in a sentence
    links: int  # the longest chain


_SIZES = {"full": _Size(99, 9, 5), "small": _Size(9, 9, 3)}

_LEAD_IN = re.compile(
    r"^(?:(?:so|then|first|next|now|finally|therefore|thus|hence)\b,?\s*|[a-z]+ (?:now )?has\s+)+", re.I
)
_EQUATION = re.compile(r"^(-?\d[-+*/\d ]*?)\s*=\s*(-?\d{1,18})(?:\s+[a-z]+)*\s*$", re.I)
_IN_WORDS = (
    ("plus", "+"), ("minus", "-"), ("times", "*"), ("divided by", "/"), ("equals", "="), ("is", "="), ("makes", "="),
)  # fmt: skip
_IN_SIGNS = str.maketrans("×·÷−", "**/-")
_OPENING = re.compile(r"^(\w+) has (\d+) (\w+)$")
_QUERY = re.compile(r"^How many (\w+)(?: does (\w+) have)?\?$")


class Arithmetic(World):
    """Chains of operations on a count, in three tiers of difficulty.

    `size`: `full` counts to 99 in chains of up to 5 operations, `small` to 9 in chains of up to 3 and in short texts.
    `operations`: the shortest and longest chain, where it should be narrower than that. `tiers`: how often the hardest
    operation of a question is of each tier. `wordings`: `common` leaves out the long tail. `zipf`: the exponent by
    which rarer wordings are rarer. `distractors`: the share of questions with a fact about somebody else. `ways`:
    whether the steps of a question are the solver's `one` way, or `any` right way, by lot.
    """

    kind: Literal["arithmetic"] = "arithmetic"
    size: Literal["full", "small"] = "full"
    operations: tuple[int, int] | None = None
    tiers: dict[Tier, float] = Field(default={"easy": 0.6, "middle": 0.25, "hard": 0.15}, min_length=1)
    wordings: Literal["all", "common"] = "all"
    zipf: float = Field(1.5, ge=0)
    distractors: float = Field(0.3, ge=0, le=1)
    ways: Ways = "one"

    @field_validator("tiers")
    @classmethod
    def _weighed(cls, value: dict[Tier, float]) -> dict[Tier, float]:
        if min(value.values()) < 0 or not 0 < sum(value.values()) < math.inf:
            raise ValueError("should be weights of 0 or more, not all 0")
        return value

    @field_validator("operations")
    @classmethod
    def _ordered(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 1 <= value[0] <= value[1] <= _SIZES["full"].links:
            raise ValueError(f"should be a shortest and a longest chain between 1 and {_SIZES['full'].links}")
        return value

    def questions(self) -> Iterator[Question]:
        """The world's questions; no text stands twice in them."""
        return self.unique(self._question)

    def solve(self, question: str, prefix: Sequence[str] = (), lot: random.Random | None = None) -> Explanation:
        """The remaining equations, in the order of the question where that divides without a rest.

        By lot: in any order, and each said in any of its right forms.
        """
        chain = _read_question(question)
        for step in prefix:
            if flaw := chain.take(step):
                raise ValueError(f"the step {step!r} has a flaw: {flaw}")
        steps = []
        while chain.left:
            links = [link for link in chain.available() if link[0].result(chain.count, link[1]) is not None]
            if not links:
                raise UnreadableQuestion(
                    f"{chain.count} can't be divided without a rest where {question[:80]!r} asks it"
                )
            link = lot.choice(links) if lot else links[0]
            forms = link[0].expressions(chain.count, link[1])
            said = lot.choice(forms) if lot else forms[0]
            chain.apply(link)
            steps.append(f"{said} = {chain.count}.")
        return Explanation(steps=tuple(steps), answer=str(chain.count))

    def check(self, question: str, explanation: Explanation) -> Verdict:
        """The first step that is no equation, is wrong, repeats, or does not follow from the question and the count."""
        chain = _read_question(question)
        for index, step in enumerate(explanation.steps):
            if flaw := chain.take(step):
                return Verdict(first_flaw=index, why=flaw)
        if chain.left:
            return Verdict(first_flaw=len(explanation.steps), why="stops too early")
        if not same_answer(explanation.answer, str(chain.count)):
            return Verdict(first_flaw=len(explanation.steps), why=f"the answer is {chain.count}")
        return Verdict(first_flaw=None)

    def _question(self, rng: random.Random, index: int) -> Question:
        size = _SIZES[self.size]
        name, other = rng.sample(NAMES, 2)
        item, thing = rng.sample(ITEMS, 2)
        tier = rng.choices(list(self.tiers), list(self.tiers.values()))[0]
        shortest, longest = self.operations or (1, size.links)
        lengths = range(shortest, longest + 1)
        length = rng.choices(lengths, [n**-2 for n in lengths])[0]
        start, links = _draw_chain(rng, size, tier, length)
        sentences = [f"{name} {self._say(rng, operation, numbers, item)}." for operation, numbers in links]
        if rng.random() < self.distractors:
            about = f"{other} has {rng.randint(1, size.operand)} {thing}."
            sentences.insert(rng.randint(0, len(sentences)), about)
        query = f"How many {item}?" if self.size == "small" else f"How many {item} does {name} have?"
        text = " ".join([f"{name} has {start} {item}.", *sentences, query])
        solution = self.solve(text, lot=rng if self.ways == "any" else None)
        return Question(
            id=f"arithmetic/{self.seed}/{index:05d}",
            text=text,
            answer=solution.answer,
            steps=solution.steps,
            domain=tier,
            meta={"operations": [operation.name for operation, _ in links]},
        )

    def _say(self, rng: random.Random, operation: Operation, numbers: tuple[int, ...], item: str) -> str:
        wordings = operation.wordings if self.wordings == "all" else operation.wordings[:COMMON]
        weights = [(rank + 1) ** -self.zipf for rank in range(len(wordings))]
        phrase = rng.choices(wordings, weights)[0]
        if self.size == "small":
            phrase = phrase.replace("the {i}", "them").replace(" {i}", "")
        return phrase.format(i=item, **dict(zip("ab", numbers, strict=False)))


class _Chain:
    """Where a reader of a solution stands: the running count, what is done and what is left to do."""

    def __init__(self, start: int, links: list[_Link]) -> None:
        self.count = start
        self.left = links
        self.said: set[str] = set()

    def available(self) -> list[_Link]:
        """What may come next: the first operation left, and those behind it that commute with all before them."""
        ahead = []
        for link in self.left:
            if link[0].family != self.left[0][0].family:
                break
            ahead.append(link)
        return ahead

    def apply(self, link: _Link) -> None:
        count = link[0].result(self.count, link[1])
        assert count is not None, "only what divides without a rest is applied"
        self.count = count
        self.left.remove(link)

    def take(self, step: str) -> str | None:
        """Follow one step of an explanation; says what is wrong with it, in few words, or None."""
        equation = _read_step(step)
        if equation is None:
            return "not an equation"
        expression, claimed = equation
        if f"{expression}={claimed}" in self.said:
            return "repeats a step"
        for link in self.available():
            result = link[0].result(self.count, link[1])
            forms = [form.replace(" ", "") for form in link[0].expressions(self.count, link[1])]
            if expression not in forms:
                continue
            if result is None or result != claimed:
                return f"{expression} is {link[0].compute(self.count, *link[1])}"
            self.said.add(f"{expression}={claimed}")
            self.apply(link)
            return None
        return "does not follow" if self.left else "nothing is left to do"


def _read_step(step: str) -> tuple[str, int] | None:
    """`So Mia has 12 plus 5 = 17 coins.` -> ("12+5", 17); None for anything else."""
    text = step.strip().rstrip(".").translate(_IN_SIGNS)
    text = _LEAD_IN.sub("", text)
    for word, sign in _IN_WORDS:
        text = re.sub(rf"\b{word}\b", sign, text, flags=re.I)
    match = _EQUATION.match(text)
    return (match[1].replace(" ", ""), int(match[2])) if match else None


def _read_question(question: str) -> _Chain:
    *facts, query = [part.strip() for part in re.split(r"(?<=[.?])\s+", question.strip())]
    asked = _QUERY.match(query)
    opening = _OPENING.match(facts[0].rstrip(".")) if facts else None
    if asked is None or opening is None or opening[3] != asked[1] or (asked[2] or opening[1]) != opening[1]:
        raise UnreadableQuestion(
            f"not a question of the arithmetic world: {question[:80]!r} "
            "(expected: 'NAME has N ITEMS. ... How many ITEMS does NAME have?')"
        )
    links: list[_Link] = []
    for sentence in facts[1:]:
        name, _, phrase = sentence.rstrip(".").partition(" ")
        if name != opening[1]:
            continue
        operation = find_operation(phrase)
        if operation is None:
            raise UnreadableQuestion(f"the arithmetic world knows no operation that is said {sentence!r}")
        numbers = tuple(int(number) for number in re.findall(r"\d+", phrase))
        if operation.family == "scale" and 0 in numbers:
            raise UnreadableQuestion(f"nothing is scaled by 0 in the arithmetic world, as {sentence!r} says")
        links.append((operation, numbers))
    return _Chain(int(opening[2]), links)


def _draw_chain(rng: random.Random, size: _Size, tier: Tier, length: int) -> tuple[int, list[_Link]]:
    """A start and a chain whose hardest operation is of `tier` and whose counts stay between 1 and `size.top`."""
    level = TIERS.index(tier)
    hardest = rng.randrange(length)
    while True:
        start = count = rng.randint(1, size.top)
        links: list[_Link] = []
        for position in range(length):
            least = level if position == hardest else 0
            link = _draw_link(rng, size, [o for o in OPERATIONS if least <= TIERS.index(o.tier) <= level], count)
            if link is None:
                break
            links.append(link)
            count = link[0].result(count, link[1]) or 0
        else:
            return start, links


def _draw_link(rng: random.Random, size: _Size, operations: list[Operation], count: int) -> _Link | None:
    for _ in range(20):
        operation = rng.choice(operations)
        top = size.operand if operation.arity == 1 and operation.family == "shift" else 9
        numbers = tuple(rng.randint(1 if operation.family == "shift" else 2, top) for _ in range(operation.arity))
        result = operation.result(count, numbers)
        # an operation that changes nothing would make a skipped step invisible
        if result is not None and 1 <= result <= size.top and result != count:
            return operation, numbers
    return None
