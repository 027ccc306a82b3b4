"""Steps and answers as text: how an explanation is written, and found again.

Question: Mia has 12 coins. Mia finds 5 coins. How many coins does Mia have?      <- prompt
Steps:
12 + 5 = 17.                                                                      <- explanation
Answer: 17
"""

import hashlib
import re
from collections.abc import Sequence

from elad.records import Explanation, Question

ANSWER = "Answer:"
"""The mark of the last line of an explanation."""

STEPS = "Steps:\n"
"""What stands between a question and its explanation."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What choices are called by."""

_PIECE = re.compile(r"[^\W\d_]+|\d{1,3}|(?:[^\w\s]|_)+")


def prompt(question: Question) -> str:
    """What the student reads, up to and including the line break before its first step."""
    options = "".join(f"\n{letter}) {choice}" for letter, choice in zip(LETTERS, question.choices, strict=False))
    return f"Question: {question.text}{options}\n{STEPS}"


def written(explanation: Explanation) -> str:
    """An explanation as the student should write it: a line a step, then the answer's line."""
    lines = [" ".join(step.split()) for step in explanation.steps]
    if explanation.answer is not None:
        lines.append(f"{ANSWER} {' '.join(explanation.answer.split())}")
    return "\n".join(lines) + "\n"


def read(text: str) -> Explanation:
    """The explanation that a text holds: undoes `written`. Blank lines, and all after the answer, are dropped."""
    steps: list[str] = []
    for line in map(str.strip, text.split("\n")):
        if line.startswith(ANSWER):
            return Explanation(steps=tuple(steps), answer=line.removeprefix(ANSWER).strip() or None)
        if line:
            steps.append(line)
    return Explanation(steps=tuple(steps), answer=None)


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
