"""What the worlds generate."""

import random
import re
from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from elad.errors import InputError
from elad.records import Explanation, Question
from elad.teacher import Solver
from elad.worlds import Arithmetic, Deduction, World, deduction
from elad.worlds.operations import COMMON, OPERATIONS, TIERS, find_operation, skeleton


def questions(world: World) -> list[Question]:
    return list(world.questions())


@pytest.mark.parametrize(
    "world", [Arithmetic(), Arithmetic(size="small"), Deduction()], ids=lambda w: f"{w.kind}{getattr(w, 'size', '')}"
)
def test_a_seed_gives_its_questions_and_a_longer_world_begins_with_those_of_a_shorter(world: World) -> None:
    short, long = (questions(world.model_copy(update={"count": n})) for n in (50, 80))
    assert long[:50] == short
    assert questions(world.model_copy(update={"count": 50, "seed": 1})) != short
    assert len({q.text for q in long}) == len({q.id for q in long}) == 80


def test_there_are_enough_operations_each_with_a_long_tail() -> None:
    assert len(OPERATIONS) >= 8
    assert {operation.tier for operation in OPERATIONS} == set(TIERS)
    for operation in OPERATIONS:
        assert len(operation.wordings) >= 2 * COMMON
        for wording in operation.wordings:
            said = wording.format(i="coins", a=3, b=4)
            assert find_operation(said) is operation
            assert find_operation(wording.replace("the {i}", "them").replace(" {i}", "").format(a=3, b=4)) is operation


def test_pools_are_skewed_to_the_easy_tier() -> None:
    tiers = Counter(q.domain for q in questions(Arithmetic(count=2000)))
    assert all(abs(tiers[tier] - expected) < 70 for tier, expected in zip(TIERS, (1200, 500, 300), strict=True))
    assert {q.domain for q in questions(Arithmetic(count=50, tiers={"hard": 1}))} == {"hard"}


def test_rarer_wordings_are_rarer_and_may_be_left_out() -> None:
    def ranks(world: Arithmetic) -> Counter[int]:
        order = {skeleton(w): rank for operation in OPERATIONS for rank, w in enumerate(operation.wordings)}
        phrases = (s.partition(" ")[2] for q in questions(world) for s in q.text.split(". ")[1:-1])
        return Counter(order[skeleton(p)] for p in phrases if skeleton(p) in order)

    said = ranks(Arithmetic(count=2000))
    assert said[0] > 2 * said[1] > 2 * said[4] > 0
    assert sum(n for rank, n in said.items() if rank >= COMMON) > 200
    assert max(ranks(Arithmetic(count=500, wordings="common"))) < COMMON


def test_sizes() -> None:
    for question in questions(Arithmetic(size="small", count=500)):
        assert len(question.steps) <= 3
        assert all(len(number) == 1 for number in re.findall(r"\d+", question.text + str(question.answer)))
    lengths = Counter(len(q.steps) for q in questions(Arithmetic(count=1000)))
    assert set(lengths) == {1, 2, 3, 4, 5}
    assert {len(q.steps) for q in questions(Arithmetic(count=100, operations=(2, 3)))} == {2, 3}
    hops = {q.meta["hops"] for q in questions(Deduction(count=300))}
    assert hops == {1, 2, 3, 4, 5}
    assert {q.domain for q in questions(Deduction(count=30, hops=(2, 2), distractors=1))} == {"2 hops, distractors"}


def test_rarer_words_of_the_deduction_world_are_left_out_or_rare_as_asked_for() -> None:
    def said(**changes: Any) -> Counter[str]:
        world = Deduction(count=400, hops=(1, 3), **changes)
        return Counter(word for q in questions(world) for word in re.findall(r"[a-z]+", q.text.lower()))

    rare = [*deduction.NOUNS[deduction.COMMON_NOUNS :], "brown", "orange", "luminous"]
    whole, common = said(), said(words="common")
    assert all(whole[word] for word in rare)
    assert not any(common[word] for word in rare)
    assert questions(Deduction(count=50, hops=(5, 5), words="common", distractors=1))
    tail = said(zipf=1.5)
    assert tail["brimpus"] > 4 * tail["zumpus"] > 0
    assert tail["blue"] > 3 * tail["orange"]


def test_distractors_are_there_when_asked_for() -> None:
    def others(q: Question) -> int:
        return sum(sentence.split()[0] != q.text.split()[0] for sentence in q.text.split(". ")[:-1])

    assert all(others(q) for q in questions(Arithmetic(count=50, distractors=1)))
    assert not any(others(q) for q in questions(Arithmetic(count=50, distractors=0)))


def test_settings_that_make_no_world_are_refused() -> None:
    with pytest.raises(ValidationError, match="between 1 and 5"):
        Arithmetic(operations=(0, 3))
    with pytest.raises(ValidationError, match="between 1 and 5"):
        Deduction(hops=(3, 2))
    with pytest.raises(InputError, match="fewer than 100000 questions"):
        questions(
            Arithmetic(
                size="small",
                operations=(1, 1),
                tiers={"easy": 1},
                wordings="common",
                distractors=0,
                zipf=9,
                count=100000,
            )
        )


def test_any_way_is_as_right_and_is_written_as_the_request_has_it() -> None:
    """What is asked is the same, and its answer; how it is solved is another for half of the questions."""
    one = Arithmetic(count=300, size="small", operations=(2, 3))
    world = one.model_copy(update={"ways": "any"})
    known, others = questions(one), questions(world)
    assert [(q.text, q.answer) for q in known] == [(q.text, q.answer) for q in others]
    assert 100 < sum(a.steps != b.steps for a, b in zip(known, others, strict=True)) < 300
    assert others == questions(world)
    for question in others:
        verdict = world.check(question.text, Explanation(steps=question.steps, answer=question.answer))
        assert verdict.first_flaw is None or verdict.why == "repeats a step", (
            "there and back again, and there once more"
        )
    text = "Mia has 3 coins. Mia finds 5. Mia loses 2. How many coins?"
    ways = {world.solve(text, lot=random.Random(n)).steps for n in range(40)}
    assert ways == {
        ("3 + 5 = 8.", "8 - 2 = 6."), ("5 + 3 = 8.", "8 - 2 = 6."),
        ("3 - 2 = 1.", "1 + 5 = 6."), ("3 - 2 = 1.", "5 + 1 = 6."),
    }  # fmt: skip
    assert world.solve(text).steps == ("3 + 5 = 8.", "8 - 2 = 6.")


def test_a_solver_of_one_way_is_called_as_it_always_was() -> None:
    assert "ways" not in Solver(world="arithmetic").identity()
    assert Solver(world="arithmetic", ways="any").identity()["ways"] == "any"
