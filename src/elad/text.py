"""Text as it is compared, counted and named."""

import hashlib
import math
import re
from collections.abc import Sequence

from elad.records import Question

_PIECE = re.compile(r"[^\W\d_]+|\d{1,3}|(?:[^\w\s]|_)+")

_ACTING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Controls but for tab and line break, marks of direction, and halves of characters."""


def same_steps(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two explanations have the same steps, word for word; case and white space do not count."""
    return list(map(canonical_step, one)) == list(map(canonical_step, other))


def canonical_step(step: str) -> str:
    """One spelling for all spellings of a step."""
    return " ".join(step.split()).casefold()


def count_tokens(text: str) -> int:
    """How many tokens a text is taken for where no tokenizer is known: words, up to three digits, runs of marks.

    Our own yardstick for the teachers that run in this process, so that their answers cost something too. It cuts
    where the tokenizers of large models cut first; they go on to split rare words.
    """
    return len(_PIECE.findall(text))


def first_tokens(text: str, most: int) -> str:
    """A text cut off behind its first `most` tokens, as `count_tokens` counts them."""
    for number, piece in enumerate(_PIECE.finditer(text), start=1):
        if number > most:
            return text[: piece.start()]
    return text


def whole(text: object) -> str:
    """A text without halves of characters, which JSON can name and nothing can keep."""
    return str(text).encode("utf-8", "replace").decode()


def visible(text: str) -> str:
    """A text in which nothing acts: what moves a cursor or turns the direction of reading is named instead."""
    return _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def at_least(share: float) -> str:
    """A lower bound in percent, rounded down: `90.3%`."""
    return f"{math.floor(1000 * share + 1e-9) / 10:.1f}%"


def at_most(share: float) -> str:
    """An upper bound in percent, rounded up."""
    return f"{math.ceil(1000 * share - 1e-9) / 10:.1f}%"


def digest(text: str) -> str:
    """A name for a content: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def question_digest(question: Question) -> str:
    """The same for two questions that a reader would call one: case, space and a sentence's marks do not count."""
    return digest("\n".join(map(_bare, (question.text, *question.choices))))


def _bare(text: str) -> str:
    """A text without what separates its words; marks that carry meaning, as in `3! + 2` or `p ∧ q`, stay."""
    words = (word.strip("\"'").rstrip(".,;:?\"'") for word in text.casefold().split())
    return " ".join(filter(None, words))
