"""The operations of the arithmetic world: what they compute, and the many ways in which English says them.

    gain:   "Mia finds 5 coins."      12 + 5 = 17.
    packs:  "Mia buys 3 bags of 4 coins."      12 + 3 * 4 = 24.

Wordings are ranked; a question draws them by Zipf's law, so the first few are common and the rest a long tail. `{i}` is
the item; in a small world "the {i}" is said as "them" and a bare "{i}" is left out.
"""

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, NamedTuple

Tier = Literal["easy", "middle", "hard"]

TIERS: tuple[Tier, ...] = ("easy", "middle", "hard")

COMMON = 3
"""How many wordings of each operation count as common: those that the shipped student has read."""

NAMES = (
    "Mia", "Tom", "Ana", "Ben", "Eva", "Leo", "Ida", "Max", "Zoe", "Sam", "Lea", "Kai", "Amy", "Jon", "Una", "Raj",
)  # fmt: skip
ITEMS = (
    "coins", "hats", "cards", "pens", "shells", "beads", "books", "cups",
    "keys", "balls", "stamps", "figs", "nuts", "rings", "toys", "caps",
)  # fmt: skip


class Operation(NamedTuple):
    """One thing that can happen to a count.

    `compute` takes the running count and the sentence's numbers. `forms` are the expressions that say so, the solver's
    own first, over the count `v` and the numbers `a` and `b`. Operations of one `family` may be done in any order among
    themselves.
    """

    name: str
    tier: Tier
    family: Literal["shift", "scale"]
    compute: Callable[..., int | Fraction]
    forms: tuple[str, ...]
    wordings: tuple[str, ...]

    @property
    def arity(self) -> int:
        """How many numbers its sentence holds: 0, 1 or 2."""
        return sum(slot in self.wordings[0] for slot in ("{a}", "{b}"))

    def expressions(self, v: int, numbers: tuple[int, ...]) -> list[str]:
        """Every expression that says this operation on the count v, with spaces."""
        slots = dict(zip("ab", map(str, numbers), strict=False), v=str(v))
        return [form.format(**slots) for form in self.forms]

    def result(self, v: int, numbers: tuple[int, ...]) -> int | None:
        """The count after it; None where a division leaves a rest or there is not enough to lose."""
        value = self.compute(v, *numbers)
        return int(value) if value.denominator == 1 and value >= 0 else None


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "gain", "easy", "shift", lambda v, a: v + a,
        ("{v} + {a}", "{a} + {v}"),
        ("finds {a} {i}", "buys {a} {i}", "gets {a} {i}", "wins {a} {i}", "earns {a} {i}", "gathers {a} {i}",
         "unearths {a} {i}", "pockets {a} {i}", "inherits {a} {i}", "amasses {a} {i}", "obtains {a} {i}",
         "borrows {a} {i}"),
    ),
    Operation(
        "lose", "easy", "shift", lambda v, a: v - a,
        ("{v} - {a}",),
        ("loses {a} {i}", "sells {a} {i}", "gives away {a} {i}", "spends {a} {i}", "donates {a} {i}",
         "mislays {a} {i}", "squanders {a} {i}", "forfeits {a} {i}", "surrenders {a} {i}", "pawns {a} {i}",
         "discards {a} {i}", "lends {a} {i}"),
    ),
    Operation(
        "double", "middle", "scale", lambda v: 2 * v,
        ("{v} * 2", "2 * {v}", "{v} + {v}"),
        ("doubles the {i}", "gets twice the {i}", "makes two of each of the {i}", "duplicates the {i}",
         "twins the {i}", "clones the {i}", "mirrors the {i}", "replicates the {i}", "matches the {i}",
         "echoes the {i}"),
    ),
    Operation(
        "triple", "middle", "scale", lambda v: 3 * v,
        ("{v} * 3", "3 * {v}", "{v} + {v} + {v}"),
        ("triples the {i}", "gets thrice the {i}", "makes three of each of the {i}", "trebles the {i}",
         "triplicates the {i}", "clones the {i} twice", "mirrors the {i} twice", "braids the {i}"),
    ),
    Operation(
        "times", "middle", "scale", lambda v, a: v * a,
        ("{v} * {a}", "{a} * {v}"),
        ("gets {a} times the {i}", "makes {a} of each of the {i}", "multiplies the {i} by {a}",
         "scales the {i} by {a}", "breeds the {i} by {a}", "swells the {i} by {a}", "boosts the {i} by {a}",
         "magnifies the {i} by {a}", "compounds the {i} by {a}", "grows the {i} by a factor of {a}"),
    ),
    Operation(
        "halve", "middle", "scale", lambda v: Fraction(v, 2),
        ("{v} / 2",),
        ("halves the {i}", "loses half of the {i}", "keeps half of the {i}", "bisects the {i}",
         "forfeits half of the {i}", "wastes half of the {i}", "cleaves the {i}", "sunders the {i}",
         "squanders half of the {i}", "parts the {i} with a twin"),
    ),
    Operation(
        "share", "hard", "scale", lambda v, a: Fraction(v, a),
        ("{v} / {a}",),
        ("shares the {i} among {a}", "splits the {i} into {a} and keeps one part", "keeps one part in {a} of the {i}",
         "divides the {i} by {a}", "deals the {i} to {a}", "rations the {i} among {a}",
         "apportions the {i} to {a}", "shrinks the {i} by a factor of {a}", "allots the {i} to {a}",
         "dilutes the {i} by {a}"),
    ),
    Operation(
        "third", "hard", "scale", lambda v: Fraction(v, 3),
        ("{v} / 3",),
        ("keeps a third of the {i}", "thirds the {i}", "splits the {i} with two friends",
         "trisects the {i}", "parts the {i} with two sisters", "retains a third of the {i}",
         "salvages a third of the {i}", "trims the {i} to a third"),
    ),
    Operation(
        "packs", "hard", "shift", lambda v, a, b: v + a * b,
        ("{v} + {a} * {b}", "{v} + {b} * {a}", "{a} * {b} + {v}", "{b} * {a} + {v}"),
        ("finds {a} bags of {b} {i}", "buys {a} bags of {b} {i}", "gets {a} bags of {b} {i}",
         "wins {a} crates of {b} {i}", "unearths {a} chests of {b} {i}", "hauls in {a} sacks of {b} {i}",
         "imports {a} pallets of {b} {i}", "harvests {a} rows of {b} {i}", "inherits {a} trunks of {b} {i}",
         "borrows {a} trays of {b} {i}"),
    ),
    Operation(
        "crates", "hard", "shift", lambda v, a, b: v - a * b,
        ("{v} - {a} * {b}", "{v} - {b} * {a}"),
        ("loses {a} bags of {b} {i}", "sells {a} bags of {b} {i}", "gives away {a} bags of {b} {i}",
         "ships {a} crates of {b} {i}", "exports {a} pallets of {b} {i}", "pawns {a} chests of {b} {i}",
         "squanders {a} sacks of {b} {i}", "lends {a} trays of {b} {i}", "burns {a} stacks of {b} {i}",
         "dumps {a} barrels of {b} {i}"),
    ),
    Operation(
        "trade", "hard", "shift", lambda v, a, b: v - a + b,
        ("{v} - {a} + {b}", "{v} + {b} - {a}", "{b} + {v} - {a}"),
        ("trades {a} {i} for {b}", "swaps {a} {i} for {b}", "gives {a} {i} and gets {b}",
         "barters {a} {i} for {b}", "exchanges {a} {i} for {b}", "pays {a} {i} and gets back {b}",
         "wagers {a} {i} and wins {b}", "returns {a} {i} for {b}", "cedes {a} {i} for {b}",
         "upgrades {a} {i} to {b}"),
    ),
)  # fmt: skip

_BY_SKELETON: dict[str, Operation] = {}


def skeleton(phrase: str) -> str:
    """A wording without its numbers and items: "buys 3 bags of 4 coins" -> "buys # bags of #"."""
    phrase = re.sub(r"\d+|\{[ab]\}", "#", phrase)
    return re.sub(rf"\s*\b(?:them|(?:the )?(?:{'|'.join(ITEMS)}))\b|\s*(?:the )?\{{i\}}", "", phrase).strip()


def find_operation(phrase: str) -> Operation | None:
    """The operation that a phrase says, whatever its numbers and items; None when no wording fits."""
    return _BY_SKELETON.get(skeleton(phrase))


for _operation in OPERATIONS:
    for _wording in _operation.wordings:
        if _BY_SKELETON.setdefault(skeleton(_wording), _operation) is not _operation:
            raise AssertionError(f"two operations are said by {_wording!r}")
