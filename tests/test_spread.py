"""Selectors that choose attempts for how they lie beside one another."""

import weakref
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elad.ledger import Ledger
from elad.loop import distil
from elad.records import Attempt, Evidence, Explanation, Question, SpanEvidence
from elad.report.explanations import explanations
from elad.select import Badge, Choice, Diverse, Entropy, KCentre, Longest, Random, Selector, StepEntropy
from elad.select.badge import spread_seeds
from elad.select.diverse import shared_out
from elad.select.embeddings import squared_distances
from elad.select.k_centre import farthest_first
from elad.select.selector import lot
from tests.runs import small_recipe


def attempt(id: str, *embedding: float, doubt: float = 0.5, domain: str | None = None) -> Attempt:
    """Its answer is a single token: `doubt` is its entropy, and what its probability lacks to 1."""
    said = SpanEvidence(entropy=doubt, peak=doubt, margin=0, logprob=float(np.log1p(-doubt)), tokens=1)
    return Attempt(
        question=Question(id=id, text=id, domain=domain),
        explanation=Explanation(steps=(), answer="7"),
        evidence=Evidence(steps=(), answer=said, embedding=embedding),
    )


def many(count: int, seed: int = 0) -> list[Attempt]:
    rng = np.random.RandomState(seed)
    return [
        attempt(str(n), *rng.normal(size=4).tolist(), doubt=float(rng.uniform(0, 0.9)), domain="abc"[n % 7 % 3])
        for n in range(count)
    ]


JOINT: list[Selector] = [KCentre(), Badge(), Diverse(of=Entropy()), Diverse(of=Entropy(), cover=0.5)]

points = st.lists(st.tuples(*[st.integers(-20, 20)] * 2), min_size=1, max_size=9).map(lambda p: np.array(p, np.float32))


def test_distances_of_more_points_than_a_block_holds() -> None:
    many = np.random.RandomState(3).normal(size=(2500, 3)).astype(np.float32)
    distances = squared_distances(many, many[2400])
    np.testing.assert_allclose(distances, ((many - many[2400]) ** 2).sum(1), rtol=1e-5)
    assert distances[2400] == 0


# -- k-centre -------------------------------------------------------------------------------------------------------


def test_k_centre_by_hand() -> None:
    """Four on a line: what comes after each of them follows; which comes first is the seed's."""
    line = [attempt("a", 0), attempt("b", 1), attempt("c", 4), attempt("d", 10)]
    expected = {"a": "adcb", "b": "bdca", "c": "cdab", "d": "dacb"}
    begun = set()
    for seed in map(str, range(30)):
        first = min("abcd", key=lambda id: lot(seed, id))
        begun.add(first)
        assert "".join(KCentre().choose(line, 4, seed)) == expected[first]
        assert KCentre().choose(line, 2, seed) == list(expected[first][:2])
    assert begun == {*"abcd"}


def test_centres_that_there_are_count() -> None:
    line = np.array([[0], [1], [4], [10]], np.float32)
    assert farthest_first(line, 3, centres=line[3:]) == [0, 2, 1]
    assert farthest_first(line, 2, centres=np.array([[0], [10]], np.float32)) == [2, 1]
    assert farthest_first(line[:0], 3) == []


def test_what_lies_in_one_place_comes_last_and_once() -> None:
    same = np.array([[5, 5]] * 3 + [[0, 0]], np.float32)
    assert farthest_first(same, 4) == [0, 3, 1, 2]


@given(points, st.integers(1, 9))
def test_each_is_the_farthest_from_those_before_it(points: np.ndarray[Any, Any], count: int) -> None:
    rows = farthest_first(points, count)
    assert len({*rows}) == len(rows) == min(count, len(points))
    gaps = ((points[:, None] - points[None]) ** 2).sum(-1)
    for place in range(1, len(rows)):
        nearest = gaps[:, rows[:place]].min(1)
        left = [row for row in range(len(points)) if row not in rows[:place]]
        assert rows[place] == max(left, key=lambda row: (nearest[row], -row))


@given(points, st.integers(1, 3))
def test_it_covers_at_most_twice_as_badly_as_the_best(points: np.ndarray[Any, Any], count: int) -> None:
    """The bound of Gonzalez 1985, which is why greedy k-centre is worth having."""
    gaps = np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1))
    count = min(count, len(points))
    best = min(gaps[:, list(rows)].min(1).max() for rows in combinations(range(len(points)), count))
    assert gaps[:, farthest_first(points, count)].min(1).max() <= 2 * best + 1e-6


# -- BADGE ----------------------------------------------------------------------------------------------------------


def test_badge_by_hand() -> None:
    """Two that would move the student one way, one that would another, and two that it is sure of."""
    pool = [
        attempt("far", 10, 0, doubt=0.9),
        attempt("same", 10, 0, doubt=0.9),
        attempt("other", 0, 10, doubt=0.5),
        attempt("sure", -40, 0, doubt=0),
        attempt("sure too", 0, -40, doubt=0),
    ]
    assert [Badge().score(a) for a in pool] == pytest.approx([9, 9, 5, 0, 0])
    firsts = Counter(tuple(Badge().choose(pool, 2, str(seed))) for seed in range(300))
    assert {first for first, _ in firsts} == {"far", "same"}, "the longest"
    seconds = Counter(second for (_, second), times in firsts.items() for _ in range(times))
    assert seconds.keys() == {"other", "sure", "sure too"}, "nothing that lies where the first does"
    expected = 9**2 + 5**2, 9**2, 9**2  # squared distances to the first
    for id, squared in zip(("other", "sure", "sure too"), expected, strict=True):
        assert seconds[id] / 300 == pytest.approx(squared / sum(expected), abs=0.08)
    whole = Badge().choose(pool, 5, "s")
    assert {*whole} == {a.question.id for a in pool}
    assert {*whole[3:]} < {"far", "same", "sure", "sure too"}, "three places, then those that repeat them"


def test_badge_takes_an_attempt_without_an_answer_for_the_most_doubtful() -> None:
    lost = attempt("lost", 3, 4)
    lost = lost.model_copy(update={"evidence": lost.evidence.model_copy(update={"answer": None})})
    assert Badge().score(lost) == 5
    assert Badge().choose([attempt("sure", 3, 4, doubt=0.8), lost], 1, "s") == ["lost"]


def test_seeds_fall_by_squared_distance() -> None:
    line = np.array([[10], [9], [7]], np.float32)  # from the longest: 1 and 9
    drawn = [spread_seeds(line, 2, np.random.default_rng(seed)) for seed in range(1000)]
    assert {first for first, _ in drawn} == {0}
    assert 860 < sum(second == 2 for _, second in drawn) < 940


def test_no_roll_takes_a_seed_twice() -> None:
    lowest: Any = SimpleNamespace(random=lambda: 0.0)
    assert spread_seeds(np.array([[10], [10], [9], [7]], np.float32), 4, lowest) == [0, 2, 3, 1]


@given(points, st.integers(0, 9), st.integers(0, 9))
def test_seeds_are_as_many_as_asked_for(points: np.ndarray[Any, Any], count: int, seed: int) -> None:
    rows = spread_seeds(points, count, np.random.default_rng(seed))
    assert len({*rows}) == len(rows) == min(count, len(points))
    places = [tuple(points[row]) for row in rows]
    distinct = len({*map(tuple, points.tolist())})
    assert len({*places[:distinct]}) == min(len(rows), distinct), "no place twice before every place once"


# -- diverse --------------------------------------------------------------------------------------------------------


def test_diverse_by_hand() -> None:
    """Three doubtful ones in one place, a fourth elsewhere, and one that lies farthest, which nobody doubts."""
    pool = [
        attempt("a", 0, doubt=0.9),
        attempt("b", 0, doubt=0.8),
        attempt("c", 1, doubt=0.7),
        attempt("d", 9, doubt=0.6),
        attempt("e", 99, doubt=0.1),
    ]
    chosen = {among: Diverse(of=Entropy(), among=among).choose(pool, 2, "s") for among in (1, 2, 3)}
    assert chosen == {1: ["a", "b"], 2: ["a", "d"], 3: ["a", "e"]}
    assert Diverse(of=Entropy(), among=2).score(pool[0]) == 0.9


def test_coverage_by_hand() -> None:
    """All doubt is about additions; half of the candidates are, three in eight are products, and one is a root."""
    domains = ["sum"] * 4 + ["product"] * 3 + ["root"]
    pool = [attempt(str(n), 0, doubt=0.8 - n / 10, domain=domain) for n, domain in enumerate(domains)]
    chosen = {cover: sorted(Diverse(of=Entropy(), among=1, cover=cover).choose(pool, 4, "s")) for cover in (0, 0.5, 1)}
    assert chosen[0] == ["0", "1", "2", "3"]
    assert chosen[0.5] == ["0", "1", "2", "4"], "two places by domain, one each; two by doubt"
    assert chosen[1] == ["0", "1", "4", "5"], "2 to 1.5 to 0.5: what is left goes to whom was doubted more"


def test_domains_do_not_repeat_one_another() -> None:
    pool = [
        attempt("a", 0, doubt=0.9, domain="sum"),
        attempt("b", 0, doubt=0.8, domain="product"),
        attempt("c", 9, doubt=0.7, domain="product"),
        attempt("d", 5, doubt=0.6, domain="sum"),
    ]
    assert Diverse(of=Entropy(), cover=1).choose(pool, 2, "s") == ["a", "c"]


def test_where_there_are_no_domains_there_is_nothing_to_cover() -> None:
    pool = [a.model_copy(update={"question": Question(id=a.question.id, text="")}) for a in many(40)]
    assert Diverse(cover=1, of=Entropy()).choose(pool, 8, "s") == Diverse(of=Entropy()).choose(pool, 8, "s")


@given(st.integers(0, 50), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_places_are_shared_out_whole(places: int, sizes: list[int]) -> None:
    shares = shared_out(places, sizes)
    assert sum(shares) == places
    assert all(abs(share - places * size / sum(sizes)) < 1 for share, size in zip(shares, sizes, strict=True))


@pytest.mark.parametrize("of", [Entropy(), StepEntropy(), Longest(), Random()], ids=repr)
@pytest.mark.parametrize("cover", [0, 0.4, 1])
def test_what_is_chosen_is_among_the_top(of: Any, cover: float) -> None:
    pool = many(60)
    assert Diverse(of=of, among=1).choose(pool, 9, "s")[0] == of.choose(pool, 9, "s")[0]
    assert {*Diverse(of=of, among=1).choose(pool, 9, "s")} == {*of.choose(pool, 9, "s")}
    assert {*Diverse(of=of, among=3).choose(pool, 9, "s")} <= {*of.choose(pool, 27, "s")}
    chosen = Diverse(of=of, cover=cover).choose(pool, 9, "s")
    assert len({*chosen}) == 9


# -- all of them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", JOINT, ids=repr)
def test_the_order_of_the_candidates_is_nothing_to_it(selector: Selector) -> None:
    pool = many(50)
    shuffled = [pool[place] for place in np.random.RandomState(1).permutation(50)]
    assert selector.choose(pool, 12, "a") == selector.choose(iter(shuffled), 12, "a")
    if selector.kind in ("k_centre", "badge"):
        assert selector.choose(pool, 12, "a") != selector.choose(pool, 12, "b")


@pytest.mark.parametrize("selector", JOINT, ids=repr)
def test_an_attempt_that_is_empty_lies_at_the_origin(selector: Selector) -> None:
    """A student that writes nothing has no embedding; when none has one, as before anything is written, all is one."""
    pool = [*many(5), attempt("empty"), attempt("zero", 0, 0, 0, 0)]
    assert len({*selector.choose(pool, 7, "s")}) == 7
    assert len({*selector.choose([attempt(str(n)) for n in range(4)], 3, "s")}) == 3


@pytest.mark.parametrize("selector", JOINT, ids=repr)
def test_no_attempt_is_held(selector: Selector) -> None:
    """A round may have very many: what is held of each is an embedding, no more."""
    seen: list[weakref.ref[Attempt]] = []

    def passing() -> Iterator[Attempt]:
        for made in many(40):
            copy = made.model_copy(deep=True)
            assert sum(ref() is not None for ref in seen) <= 1
            seen.append(weakref.ref(copy))
            yield copy
            del copy

    assert len(selector.choose(passing(), 5, "s")) == 5


@pytest.mark.parametrize(
    "select",
    [
        {"kind": "k_centre"},
        {"kind": "badge"},
        {"kind": "oracle", "by": "steps"},
        {"kind": "diverse", "of": {"kind": "egss", "samples": 1}, "cover": 0.5},
    ],
    ids=lambda select: select["kind"],
)
def test_a_run_selects_so(select: dict[str, Any], minimal_student: Path, tmp_path: Path) -> None:
    """Two rounds, also where the teacher is asked ahead; what a page shows of them is there."""
    stop = [{"kind": "budget", "rounds": 2}]
    recipe = small_recipe(minimal_student, select=select, annotate={"kind": "rationale"}, stop=stop)
    distil(recipe, tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        choice = ledger.traced(2, "select", Choice)
        drawn = list(ledger.attempts(2))
        shown = explanations(ledger, recipe, 2)
    assert choice is not None
    left = [a for a in drawn if a.question.id not in choice.audited]
    assert len(choice.selected) == 2
    assert list(choice.selected) == recipe.select.choose(left[::-1], 2, f"{recipe.seed}/2")
    assert all(a.evidence.embedding for a in drawn) == recipe.select.needs.embedding
    assert {recipe.select.score(a) is None for a in drawn} == {select["kind"] == "k_centre"}
    assert len(shown) == 3
