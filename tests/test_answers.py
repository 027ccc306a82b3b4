"""When two answers say the same."""

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elad.answers import same_answer, votes
from elad.records import AnswerKind, Question

DATA = Path(os.environ.get("ELAD_DATA", "../shared/data"))


def question(kind: AnswerKind, *choices: str) -> Question:
    return Question(id="q", text="?", answers=kind, choices=choices)


SAME: list[tuple[AnswerKind, str, str]] = [
    ("auto", "1,200.0", "$1200"),
    ("auto", "Yes.", " yes"),
    ("number", "1,200", "$1200.00"),
    ("number", "1200 dollars", "about 1200"),
    ("number", "3/4", "0.75"),
    ("number", "1 1/2 hours", "1.5"),
    ("number", "75%", "75"),
    ("number", "75 percent", "0.75"),
    ("number", "-5", "−5 degrees"),
    ("number", ".5", "0.50"),
    ("number", "12 + 5 = 17", "17"),
    ("yes_no", "Yes, it is.", "true"),
    ("yes_no", "No", "false."),
    ("span", "the Kitchen.", "kitchen"),
    ("span", "An apple, a pear", "apple pear"),
    ("expression", "63\\pi", "63 * \\pi"),
    ("expression", "\\frac{3}{4}", "0.75"),
    ("expression", "x^2+2x+1", "(x+1)^2"),
    ("expression", "(4 * 5) - (6 - 10)", "24"),
    ("exact", " a B ", "a B"),
]
OTHER: list[tuple[AnswerKind, str, str]] = [
    ("auto", "1.20", "120"),
    ("number", "75%", "0.5"),
    ("number", "0.75", "75"),
    ("number", "3/4", "4/3"),
    ("number", "5", "-5"),
    ("number", "1/0", "1"),
    ("number", "none", "some"),
    ("yes_no", "yes", "no"),
    ("yes_no", "nothing", "no"),
    ("span", "the kitchen", "the garden"),
    ("span", "the", "a"),
    ("expression", "2\\pi", "2"),
    ("exact", "a b", "a B"),
]


@pytest.mark.parametrize(("kind", "one", "other"), SAME)
def test_the_same(kind: AnswerKind, one: str, other: str) -> None:
    if kind == "expression":
        pytest.importorskip("math_verify", reason="expressions need the math extra")
    assert same_answer(one, other, question(kind))
    assert same_answer(other, one, question(kind))


@pytest.mark.parametrize(("kind", "one", "other"), OTHER)
def test_not_the_same(kind: AnswerKind, one: str, other: str) -> None:
    if kind == "expression":
        pytest.importorskip("math_verify", reason="expressions need the math extra")
    assert not same_answer(one, other, question(kind))
    assert not same_answer(other, one, question(kind))


@pytest.mark.parametrize("said", ["b", "B.", "(b)", "b) the second", "B: the second", "The second"])
def test_a_choice_is_named_by_letter_text_or_both(said: str) -> None:
    asked = question("choice", "the first", "the second")
    assert same_answer(said, "the second", asked)
    assert not same_answer(said, "the first", asked)


def test_votes() -> None:
    asked = question("number")
    assert votes(["1/2", "0.5", None, "2", "50%", None], asked) == [3, 1, 1, 1]
    assert votes([], asked) == []


@given(st.text(max_size=30), st.sampled_from(["auto", "number", "choice", "yes_no", "span", "exact"]))
def test_any_answer_is_the_same_as_itself_and_as_no_other_that_is_missing(answer: str, kind: AnswerKind) -> None:
    assert same_answer(answer, f" {answer} ", question(kind, "x", "y"))
    assert not same_answer(answer, None, question(kind))
    assert not same_answer(None, None, question(kind))


def rows(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rt") if file.suffix == ".gz" else open(file) as lines:
        yield from map(json.loads, lines)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the shared data sets are not at {DATA} (set ELAD_DATA)")
def test_the_real_answers_of_every_file_are_known_in_other_spellings() -> None:
    seen: dict[str, int] = {}
    for file in sorted(DATA.glob("*.jsonl*")):
        for row in {str(row["answer"]): row for row in rows(file)}.values():
            answer = str(row["answer"])
            for kind, spellings in spelt(answer, row.get("choices")):
                asked = question(kind, *(row.get("choices") or ()))
                for spelling in spellings:
                    assert same_answer(spelling, answer, asked), (file.name, kind, spelling, answer)
                seen[kind] = seen.get(kind, 0) + 1
    assert {"number", "choice", "yes_no", "span", "exact"} <= set(seen)
    assert all(count >= 4 for count in seen.values())


@pytest.mark.skipif(not DATA.is_dir(), reason=f"the shared data sets are not at {DATA} (set ELAD_DATA)")
def test_the_real_expressions_are_known_in_other_spellings() -> None:
    pytest.importorskip("math_verify", reason="expressions need the math extra")
    answers = {str(row["answer"]) for row in rows(DATA / "prm800k_steps.jsonl.gz")}
    expressions = sorted(answer for answer in answers if not answer.lstrip("-").replace(".", "", 1).isdigit())
    assert len(expressions) > 100
    for answer in expressions:
        assert same_answer(rf"\boxed{{{answer}}}", answer, question("expression")), answer


def spelt(answer: str, choices: list[str] | None) -> Iterator[tuple[AnswerKind, list[str]]]:
    """The kinds that an answer of the files may be of, and how else it is written then."""
    yield "exact", [f"  {answer}\n"]
    if choices:
        letter = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[choices.index(answer)]
        if len({choice.casefold() for choice in choices} - {"a", "b", "c", "d", "e"}) == len(choices):
            yield "choice", [letter, f"({letter.lower()})", f"{letter}) {answer}", f" {answer.upper()}."]
        return
    if answer.lstrip("-").replace(".", "", 1).isdigit():
        whole = f"{int(answer):,}" if answer.lstrip("-").isdigit() else answer
        yield "number", [whole, f"${answer}", f"{answer} apples", f"{answer}%", f"The answer is {answer}."]
    elif answer.casefold() in ("yes", "no", "true", "false"):
        yield "yes_no", [answer.upper(), f"{answer.capitalize()}.", f"{answer}, because it is so"]
    elif answer.isascii() and answer.casefold() not in ("a", "an", "the") and any(map(str.isalnum, answer)):
        yield "span", [answer.upper(), f"the {answer}."]
