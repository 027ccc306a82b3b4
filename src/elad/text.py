"""Steps and answers as text: how an explanation is written, found again, and its answer compared.

Question: Mia has 12 coins. Mia finds 5 coins. How many coins does Mia have?      <- prompt
Steps:
12 + 5 = 17.                                                                      <- explanation
Answer: 17
"""

import hashlib
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from elad.records import Explanation, Question

ANSWER = "Answer:"
"""The mark of the last line of an explanation."""

_PIECE = re.compile(r"[^\W\d_]+|\d{1,3}|(?:[^\w\s]|_)+")
_NUMBER = re.compile(r"[-+]?\$?\d[\d,]*(?:\.\d+)?%?")


def prompt(question: Question) -> str:
    """What the student reads, up to and including the line break before its first step."""
    options = "".join(f"\n{letter}) {choice}" for letter, choice in zip(_letters(), question.choices, strict=False))
    return f"Question: {question.text}{options}\nSteps:\n"


def written(explanation: Explanation) -> str:
    """An explanation as the student should write it: a line a step, then the answer's line."""
    lines = [" ".join(step.split()) for step in explanation.steps]
    if explanation.answer is not None:
        lines.append(f"{ANSWER} {' '.join(explanation.answer.split())}")
    return "\n".join(lines) + "\n"


def read(text: str) -> Explanation:
    """The explanation that a text holds: undoes `written`. Blank lines, and all after the answer, are dropped."""
    steps: list[str] = []
    for line in text.splitlines():
        line = line.strip()
        if line.startswith(ANSWER):
            return Explanation(steps=tuple(steps), answer=line.removeprefix(ANSWER).strip() or None)
        if line:
            steps.append(line)
    return Explanation(steps=tuple(steps), answer=None)


def same_answer(one: str | None, other: str | None, choices: tuple[str, ...] = ()) -> bool:
    """Whether two answers say the same: numbers by value (`$1,200.0` is `1200`), choices by letter or text.

    An answer that is missing is the same as none, not even as another that is missing.
    """
    if one is None or other is None:
        return False
    return canonical_answer(one, choices) == canonical_answer(other, choices)


def canonical_answer(answer: str, choices: tuple[str, ...] = ()) -> str:
    """One spelling for all spellings of an answer, for comparing and counting."""
    plain = " ".join(answer.split()).casefold().rstrip(".")
    if choices:
        options = [" ".join(choice.split()).casefold().rstrip(".") for choice in choices]
        for letter, option in zip(_letters(), options, strict=False):
            if plain == option:
                return option
            if plain.strip("()") == letter.casefold() and plain not in options:
                return option
    if _NUMBER.fullmatch(plain):
        try:
            return f"{Decimal(plain.replace(',', '').replace('$', '').rstrip('%')).normalize():f}"
        except InvalidOperation:
            return plain
    return plain


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
    """The same for two questions that a reader would call one: case, marks and white space do not count."""
    words = re.findall(r"\w+", "\n".join((question.text, *question.choices)).casefold())
    # without its marks "-1 + 2" would be "1 2": marks that carry meaning stay
    signs = re.findall(r"[-+*/=<>()\[\]{}^%]", question.text)
    return digest(" ".join(words) + "|" + "".join(signs))


def _letters() -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
