"""Answers: when two of them say the same, by the kind of answer that a data set has.

number       1,200 = $1200.00 = 1200 dollars; 3/4 = 0.75; 75% = 75, and = 0.75
choice       B = (b) = "B) the second" = the second
yes_no       Yes. = true
span         the Kitchen. = kitchen
expression   2\\pi r = 2*pi*r
exact        the same characters, but for white space around them
auto         choices where the question has them, else numbers by value; case and a full stop do not count
"""

import re
import threading
from collections.abc import Iterable
from fractions import Fraction

from elad.errors import InputError
from elad.layout import LETTERS
from elad.records import Question

_BARE_NUMBER = re.compile(r"([-+]?)\$?((?:\d{1,3}(?:,\d{3})+|\d*)(?:\.\d+)?)(?<=\d)%?")
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(
    rf"(?P<sign>[-+−])?\s*[$€£¥]?\s*(?:(?P<whole>\d+)\s+(?=\d+\s*/))?(?P<top>{_DIGITS})"
    rf"(?:\s*/\s*(?P<bottom>\d+))?\s*(?P<percent>%|percent\b)?",
    re.IGNORECASE,
)
_YES, _NO = frozenset({"yes", "true"}), frozenset({"no", "false"})
_ANY = Question(id="", text="")
_LETTERED = re.compile(r"\(?([A-Za-z])\)?[.:)]?(?:\s+(.+))?", re.DOTALL)
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")


def same_answer(one: str | None, other: str | None, question: Question = _ANY) -> bool:
    """Whether two answers to a question say the same, by its kind of answers.

    An answer that is missing is the same as none, not even as another that is missing. Raises InputError where
    expressions are to be compared and math-verify is not installed.
    """
    if one is None or other is None:
        return False
    match question.answers:
        case "number":
            return _same_number(one, other)
        case "yes_no":
            return _yes_no(one) == _yes_no(other)
        case "span":
            return _span(one) == _span(other)
        case "expression":
            return one.strip() == other.strip() or _same_expression(one, other)
        case "exact":
            return one.strip() == other.strip()
        case "auto" | "choice":
            return _choice(one, question.choices) == _choice(other, question.choices)


def votes(answers: Iterable[str | None], question: Question) -> list[int]:
    """How often each answer came; an answer that is missing agrees with nothing."""
    found: list[tuple[str | None, int]] = []
    for answer in answers:
        for place, (known, count) in enumerate(found):
            if same_answer(answer, known, question):
                found[place] = known, count + 1
                break
        else:
            found.append((answer, 1))
    return [count for _, count in found]


def _choice(answer: str, choices: tuple[str, ...]) -> str:
    """The text of the choice that an answer names, by letter, by text or by both; any other answer as it is."""
    plain = _plain(answer)
    options = [_plain(choice) for choice in choices]
    if plain in options:
        return plain
    lettered = _LETTERED.fullmatch(answer.strip())
    named = options[LETTERS.index(lettered[1].upper()) :][:1] if lettered else []
    if lettered and named and (lettered[2] is None or _plain(lettered[2]) == named[0]):
        return named[0]
    return plain


def _plain(answer: str) -> str:
    """Case, white space and a full stop do not count; a number is spelt by its value."""
    plain = " ".join(answer.split()).casefold().rstrip(".")
    number = _BARE_NUMBER.fullmatch(plain)
    if number is None:
        return plain
    whole, _, part = number[2].replace(",", "").partition(".")
    digits = ".".join(filter(None, (whole.lstrip("0") or "0", part.rstrip("0"))))
    return f"-{digits}" if number[1] == "-" and digits != "0" else digits


def _same_number(one: str, other: str) -> bool:
    """By value, whatever the unit. A percentage is the same as its number and as its fraction."""
    values = _values(one), _values(other)
    if not all(values):
        return _plain(one) == _plain(other)
    (first, *fractions), (second, *others) = values
    return first == second or second in fractions or first in others


def _values(answer: str) -> list[Fraction]:
    """The number in an answer, the last one where there are more; of a percentage its hundredth too."""
    found = list(_NUMBER.finditer(answer))
    if not found:
        return []
    number = found[-1]
    value = Fraction(number["top"].replace(",", ""))
    if number["bottom"]:
        if not int(number["bottom"]):
            return []
        value = int(number["whole"] or 0) + value / int(number["bottom"])
    value = -value if number["sign"] in ("-", "−") else value
    return [value, value / 100] if number["percent"] else [value]


def _yes_no(answer: str) -> str:
    """`yes` or `no`, from the first word; any other answer as it is."""
    word = (re.findall(r"\w+", answer.casefold()) or [""])[0]
    return "yes" if word in _YES else "no" if word in _NO else _plain(answer)


def _span(answer: str) -> str:
    """Case, punctuation, articles and white space do not count (as in SQuAD, Rajpurkar et al. 2016)."""
    bare = re.sub(r"[^\w\s]", " ", answer.casefold())
    return " ".join(_ARTICLE.sub(" ", bare).split()) or answer.strip()


def _same_expression(one: str, other: str) -> bool:
    try:
        from math_verify import parse, verify
    except ImportError as error:
        raise InputError(
            "answers of the kind `expression` need math-verify: pip install 'elad-distill[math]'"
        ) from error
    # the time limit is kept by a signal, which only the main thread may set
    limit = 5 if threading.current_thread() is threading.main_thread() else None
    said = [parse(text if "$" in text else f"${text}$", parsing_timeout=limit) for text in (one, other)]
    return all(said) and bool(verify(*said, timeout_seconds=limit))
