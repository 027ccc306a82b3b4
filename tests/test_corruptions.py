"""Both worlds' checkers against corrupted solutions: the exact index of the first flaw is required.

What index is right is known from how the solution was corrupted, never from the checker.
"""

import random
import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elad.errors import UnreadableQuestion
from elad.layout import PLAIN
from elad.records import Explanation, Question
from elad.worlds import Arithmetic, Deduction, World
from elad.worlds.deduction import NOUNS

WORLDS: dict[str, World] = {
    "full": Arithmetic(count=150, seed=5),
    "small": Arithmetic(size="small", count=150, seed=5),
    "deduction": Deduction(count=150, seed=5),
}
QUESTIONS = {name: list(world.questions()) for name, world in WORLDS.items()}

Corrupted = tuple[Explanation, int]
"""A corrupted explanation, and the index of its first flaw."""


def gold(question: Question) -> Explanation:
    return Explanation(steps=question.steps, answer=question.answer)


def replaced(question: Question, index: int, step: str) -> Corrupted:
    steps = (*question.steps[:index], step, *question.steps[index + 1 :])
    return Explanation(steps=steps, answer=question.answer), index


def wrong_result(q: Question, rng: random.Random) -> Corrupted:
    """A number that is off (arithmetic), a conclusion of the wrong polarity or about another class (deduction)."""
    if q.id.startswith("arithmetic"):
        i = rng.randrange(len(q.steps))
        return replaced(q, i, re.sub(r"(\d+)\.$", lambda m: f"{int(m[1]) + rng.choice([1, 2, 10])}.", q.steps[i]))
    i = rng.randrange(2, len(q.steps), 2)
    step = q.steps[i]
    return replaced(q, i, step.replace(" not", "") if " not " in step else step.replace(" is ", " is not "))


def wrong_operand(q: Question, rng: random.Random) -> Corrupted:
    """A true equation with a number that the question does not give there; a class that no rule leads to."""
    if q.id.startswith("arithmetic"):
        i = rng.randrange(len(q.steps))
        left, sign, rest = re.split(r" ([-+*/]) ", q.steps[i].partition(" = ")[0], maxsplit=1)
        return replaced(q, i, f"{left} {sign} {rest} + 50 = {eval_exactly(f'{left} {sign} {rest} + 50')}.")
    i = rng.randrange(2, len(q.steps), 2)
    name = q.steps[0].split()[0]
    unheard = next(noun for noun in NOUNS if noun not in q.text.lower())
    return replaced(q, i, f"{name} is a{'n' if unheard[0] in 'aeiou' else ''} {unheard}.")


def eval_exactly(expression: str) -> int:
    from fractions import Fraction

    return int(eval(re.sub(r"(\d+)", r"Fraction(\1)", expression), {"Fraction": Fraction}))


def skipped_step(q: Question, rng: random.Random) -> Corrupted:
    """The first step that needed the skipped one is the flaw; of a proof's last step, the end."""
    i = rng.randrange(len(q.steps))
    steps = (*q.steps[:i], *q.steps[i + 1 :])
    if q.id.startswith("arithmetic") or i % 2 == 1:  # the next step is computed, or concluded, from this one
        return Explanation(steps=steps, answer=q.answer), i
    return Explanation(steps=steps, answer=q.answer), min(i + 1, len(steps))  # a rule may be stated before its fact


def repeated_step(q: Question, rng: random.Random) -> Corrupted:
    i = rng.randrange(len(q.steps))
    j = rng.randrange(i + 1, len(q.steps) + 1)
    steps = (*q.steps[:j], q.steps[i], *q.steps[j:])
    return Explanation(steps=steps, answer=q.answer), j


def invented_step(q: Question, rng: random.Random) -> Corrupted:
    i = rng.randrange(len(q.steps) + 1)
    unheard = next(noun for noun in NOUNS if noun not in q.text.lower())
    invented = (
        ["1000 + 1 = 1001."]
        if q.id.startswith("arithmetic")
        else [f"Nobody is a {unheard}.", f"Each {unheard} is cold."]
    )
    steps = (*q.steps[:i], rng.choice(invented), *q.steps[i:])
    return Explanation(steps=steps, answer=q.answer), i


def right_answer_by_wrong_steps(q: Question, rng: random.Random) -> Corrupted:
    wrong, index = wrong_operand(q, rng)
    return Explanation(steps=wrong.steps[: index + 1], answer=q.answer), index


def cut_in_a_step(q: Question, rng: random.Random) -> Corrupted:
    """The text ends in the middle of a step, as when tokens run out."""
    i = rng.randrange(len(q.steps))
    whole = "".join(f"{step}\n" for step in q.steps[:i])
    cut = PLAIN.read(whole + q.steps[i][: q.steps[i].index(" ") + 1])
    return cut, i


def cut_between_steps(q: Question, rng: random.Random) -> Corrupted:
    i = rng.randrange(len(q.steps))
    return PLAIN.read("".join(f"{step}\n" for step in q.steps[:i])), i


def another_problems_solution(q: Question, rng: random.Random) -> Corrupted:
    """Another name (deduction) or another count to start from (arithmetic): wrong from the first step."""
    kin = QUESTIONS["deduction" if q.id.startswith("deduction") else "full"]
    others = [o for o in kin if o.steps[0].split()[0] != q.steps[0].split()[0] and not shares_first_step(o, q)]
    return gold(rng.choice(others)), 0


def shares_first_step(other: Question, q: Question) -> bool:
    if q.id.startswith("deduction"):
        return other.steps[0].split()[0] in q.text
    start = re.findall(r"\d+", q.text)[0]
    return start in re.findall(r"\d+", other.steps[0])


def wrong_answer(q: Question, rng: random.Random) -> Corrupted:
    wrong = {"True": "False", "False": "True"}.get(str(q.answer)) or str(int(str(q.answer)) + 1)
    return Explanation(steps=q.steps, answer=wrong), len(q.steps)


def missing_answer(q: Question, rng: random.Random) -> Corrupted:
    return Explanation(steps=q.steps, answer=None), len(q.steps)


CORRUPTIONS: list[Callable[[Question, random.Random], Corrupted]] = [
    wrong_result, wrong_operand, skipped_step, repeated_step, invented_step, right_answer_by_wrong_steps,
    cut_in_a_step, cut_between_steps, another_problems_solution, wrong_answer, missing_answer,
]  # fmt: skip


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda f: f.__name__)
@settings(max_examples=60, derandomize=True, deadline=None)
@given(number=st.integers(0, 149), seed=st.integers(0, 2**32))
def test_the_first_flaw_is_found_exactly(name: str, corrupt: Callable[..., Corrupted], number: int, seed: int) -> None:
    world, question = WORLDS[name], QUESTIONS[name][number]
    explanation, index = corrupt(question, random.Random(seed))
    verdict = world.check(question.text, explanation)
    assert verdict.first_flaw == index, (question.text, explanation, verdict)
    assert verdict.why
    rest = world.solve(question.text, explanation.steps[:index])
    repaired = Explanation(steps=(*explanation.steps[:index], *rest.steps), answer=rest.answer)
    assert world.check(question.text, repaired).first_flaw is None
    assert rest.answer == question.answer


def rewordings(step: str) -> Iterator[str]:
    """Other ways in which the worlds' grammars let a step be said."""
    yield f"  {step.rstrip('.')} "
    yield f"So {step}"
    yield step.upper() if "is" in step.split() else step
    if " = " in step:
        yield step.replace(" + ", " plus ").replace(" - ", " minus ").replace(" = ", " equals ")
        yield f"Then Mia now has {step.rstrip('.').replace('*', '×').replace('/', '÷')} coins"
        if match := re.fullmatch(r"(\d+) ([+*]) (\d+) = (\d+)\.", step):
            yield f"{match[3]} {match[2]} {match[1]} = {match[4]}."
    if match := re.fullmatch(r"(?:Each|Every) (\w+) is (not )?(?:(an?) )?(\w+)\.", step):
        yield f"{match[1].capitalize()}es are {match[2] or ''}{match[4]}{'es' if match[3] else ''}."


@pytest.mark.parametrize("name", WORLDS)
def test_every_wording_of_every_step_is_accepted(name: str) -> None:
    world = WORLDS[name]
    for question in QUESTIONS[name]:
        assert world.check(question.text, gold(question)).first_flaw is None
        for i, step in enumerate(question.steps):
            for other in rewordings(step):
                said = Explanation(steps=(*question.steps[:i], other, *question.steps[i + 1 :]), answer=question.answer)
                assert world.check(question.text, said).first_flaw is None, other


def test_any_order_in_which_a_proof_states_before_it_uses_is_accepted_and_continued() -> None:
    world, rng = WORLDS["deduction"], random.Random(0)
    for question in QUESTIONS["deduction"]:
        waiting = list(range(len(question.steps)))
        order: list[int] = []
        while waiting:  # a conclusion (2, 4, ...) waits for the fact and the rule before it
            ready = [i for i in waiting if i == 0 or i % 2 or {i - 1, i - 2} <= set(order)]
            order.append(rng.choice(ready))
            waiting.remove(order[-1])
        steps = tuple(question.steps[i] for i in order)
        assert world.check(question.text, Explanation(steps=steps, answer=question.answer)).first_flaw is None
        for cut in range(len(steps) + 1):
            rest = world.solve(question.text, steps[:cut])
            assert not set(rest.steps) & set(steps[:cut])
            said = Explanation(steps=(*steps[:cut], *rest.steps), answer=rest.answer)
            assert world.check(question.text, said).first_flaw is None


@pytest.mark.parametrize(
    ("question", "steps"),
    [
        ("Mia has 9 coins. Mia finds 5 coins. Mia loses 3 coins.", ("9 - 3 = 6.", "6 + 5 = 11.")),
        ("Mia has 9 coins. Mia doubles the coins. Mia keeps a third of the coins.", ("9 / 3 = 3.", "3 * 2 = 6.")),
        (
            "Mia has 4 coins. Mia halves the coins. Mia doubles the coins. Mia shares the coins among 4.",
            ("4 / 4 = 1.",),
        ),
    ],
)
def test_operations_that_commute_may_come_in_any_order(question: str, steps: tuple[str, ...]) -> None:
    world, text = WORLDS["full"], f"{question} How many coins does Mia have?"
    rest = world.solve(text, steps)
    said = Explanation(steps=(*steps, *rest.steps), answer=rest.answer)
    assert world.check(text, said).first_flaw is None
    assert rest.answer == world.solve(text).answer


@pytest.mark.parametrize(
    ("question", "steps", "flaw"),
    [
        ("Mia has 3 coins. Mia loses 2 coins. Mia doubles the coins.", ("3 * 2 = 6.",), 0),
        ("Mia has 3 coins. Mia finds 5 coins. Mia loses 6 coins.", ("3 - 6 = -3.",), 0),
        ("Mia has 9 coins. Mia halves the coins. Mia doubles the coins.", ("9 / 2 = 4.",), 0),
        ("Mia has 9 coins. Tom finds 5 coins. Mia loses 3 coins.", ("9 + 5 = 14.",), 0),
    ],
)
def test_orders_that_change_the_story_are_not(question: str, steps: tuple[str, ...], flaw: int) -> None:
    text = f"{question} How many coins does Mia have?"
    assert WORLDS["full"].check(text, Explanation(steps=steps, answer="0")).first_flaw == flaw
    with pytest.raises(ValueError, match="has a flaw"):
        WORLDS["full"].solve(text, steps)


@pytest.mark.parametrize(
    ("world", "text"),
    [
        ("full", "Why?"), ("full", ""), ("full", "Mia has 3 coins. Mia juggles 2 coins. How many coins does Mia have?"),
        ("full", "Mia has 3 coins. How many hats does Mia have?"), ("deduction", ""), ("deduction", "Rex is a wumpus."),
        ("deduction", "Rex is a wumpus. True or false: Rex is cold."),
        ("deduction", "What? True or false: Rex is cold."),
        ("deduction", "Rex is cold. Rex is not cold. True or false: Rex is cold."),
    ],
)  # fmt: skip
def test_a_question_of_another_english_is_told(world: str, text: str) -> None:
    with pytest.raises(UnreadableQuestion):
        WORLDS[world].solve(text)


@pytest.mark.parametrize(
    "junk", ["", " ", "=", "1 = 1", "x is", "is is is", "\0", "3 + = 4", "9" * 5000, f"1 = {'9' * 5000}", "Every is a."]
)
def test_no_text_of_a_step_breaks_a_checker(junk: str) -> None:
    for name, world in WORLDS.items():
        assert world.check(QUESTIONS[name][0].text, Explanation(steps=(junk,), answer="x")).first_flaw == 0


@pytest.mark.parametrize("name", WORLDS)
def test_what_is_written_is_read_again(name: str) -> None:
    for question in QUESTIONS[name]:
        assert PLAIN.read(PLAIN.written(gold(question))) == gold(question)
