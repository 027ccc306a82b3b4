"""The certificate: it holds however one looks, it costs what its page says, and it is exact where it can be."""

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elad.evaluate import Score
from elad.sufficiency import LowerBound, exact_interval, planned_audits
from elad.sufficiency.certificate import claim, levels
from elad.sufficiency.single_look import fewest_accepted
from elad.sufficiency.wealth import Wealth
from tests.exams import Exam, audits_until, exam
from tests.test_readme import ROOT, row


def bounds(exam: Exam, order: list[int], error: float = 0.05) -> list[float]:
    """What the bound says after every audit in this order."""
    bound = LowerBound(exam.predictions, error)
    told = []
    for question in order:
        bound.add(question, bool(exam.accepted[question]))
        told.append(bound.bound)
    return told


def some_exam(pool: int = 60, share: float = 0.8, predictor: str = "good") -> tuple[Exam, list[int]]:
    dice = np.random.default_rng(3)
    return exam(pool, share, predictor, dice), dice.permutation(pool).tolist()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.lists(st.sampled_from([0, 0.001, 0.1, 0.5, 0.9, 1]), min_size=6, max_size=6),
)
def test_of_all_orders_no_larger_share_misleads_than_is_stated(accepted: list[bool], said: list[float]) -> None:
    """Every order of a small pool, whatever the predictor says: nothing is left to chance."""
    orders = np.array(list(itertools.permutations(range(6))))
    made = Exam(np.array(accepted, int), np.array(said, float))
    for error in (0.5, 0.3, 0.2, 0.1, 0.05):
        wrong = np.isfinite(audits_until(made, sum(accepted), orders, error))
        assert wrong.mean() <= error + 1e-12


@pytest.mark.parametrize("predictor", ["good", "useless", "boastful"])
def test_against_the_truth_wealth_is_the_same_on_average(predictor: str) -> None:
    """Over the questions that may be drawn next, after any audits: a martingale."""
    made, order = some_exam(predictor=predictor)
    logits, whose = levels(made.predictions)
    for audited in (0, 1, 7, 20):
        left = np.array(order[audited:])
        wealth = Wealth(np.tile(np.bincount(whose), (len(left), 1)), logits, np.full(len(left), made.accepted.sum()))
        for question in order[:audited]:
            wealth.bet(whose[[question] * len(left)], made.accepted[[question] * len(left)] == 1)
        before = np.exp(wealth.now[0])
        wealth.bet(whose[left], made.accepted[left] == 1)
        assert np.exp(wealth.now).mean() == pytest.approx(before, rel=1e-9)
        assert np.ptp(wealth.now) > 0


@pytest.mark.parametrize("pool", [200, 20_000])
@pytest.mark.parametrize("predictor", ["good", "useless", "reversed", "boastful"])
@pytest.mark.parametrize("share", [0.9, 0.5])
def test_it_is_wrong_no_more_often_than_it_says(pool: int, predictor: str, share: float) -> None:
    """Looked at after every one of 200 answers, at a level that leaves room for errors to show."""
    dice = np.random.default_rng(0)
    made = exam(pool, share, predictor, dice)
    draws = np.stack([dice.choice(pool, 200, replace=False) for _ in range(500)])
    wrong = int(np.isfinite(audits_until(made, int(made.accepted.sum()), draws, error=0.2)).sum())
    assert exact_interval(Score(right=wrong, total=500), 0.99)[0] <= 0.2
    assert wrong > 25, "nor is it idle"


def test_a_good_predictor_saves_and_a_useless_one_costs_little() -> None:
    """Audits until 80% is certified where 90% is true, of a large pool."""
    dice = np.random.default_rng(0)
    draws = np.stack([dice.choice(20_000, 400, replace=False) for _ in range(500)])
    least = int(claim(np.array(0.8), 20_000))
    good, useless, none = (
        np.median(audits_until(exam(20_000, 0.9, name, dice), least, draws)) for name in ("good", "useless", "none")
    )
    assert good <= 0.5 * planned_audits(0.9, 0.8, 20_000)
    assert useless <= 1.5 * none


@pytest.mark.parametrize("predictor", ["good", "reversed", "none"])
def test_it_never_falls_and_ends_at_the_share_itself(predictor: str) -> None:
    made, order = some_exam(predictor=predictor)
    told = bounds(made, order)
    assert told == sorted(told)
    assert told[-1] == made.accepted.mean()


def test_it_does_not_matter_how_questions_are_numbered() -> None:
    made, order = some_exam()
    other = np.random.default_rng(4).permutation(60)
    renumbered = Exam(made.accepted[other], made.predictions[other])
    assert bounds(renumbered, np.argsort(other)[order].tolist()) == bounds(made, order)


def test_one_claim_is_beaten_when_the_bound_gets_there() -> None:
    """The bound goes by all claims below a share, the simulation by the highest of them."""
    made, order = some_exam(300)
    told = np.array(bounds(made, order))
    for target in (0.5, 0.6, 0.7, 0.75):
        [until] = audits_until(made, int(claim(np.array(target), 300)), np.array([order]))
        assert until == int(np.argmax(told >= target)) + 1


def test_of_a_large_pool_it_is_told_to_a_thousandth() -> None:
    bound = LowerBound(np.full(123_456, 0.5))
    for question in range(100):
        bound.add(question, True)
    assert (bound.audits, bound.accepted) == (100, 100)
    assert 0.95 < bound.bound < 0.05 ** (1 / 100), "no better than by the exact bound of one look"
    assert bound.bound * 1000 == pytest.approx(round(bound.bound * 1000), abs=0.01)


def test_an_upper_bound_is_that_of_what_is_not_accepted() -> None:
    made, order = some_exam(200)
    mirrored = Exam(1 - made.accepted, 1 - made.predictions)
    low, high = bounds(made, order[:150], 0.025)[-1], 1 - bounds(mirrored, order[:150], 0.025)[-1]
    assert 0.6 < low <= made.accepted.mean() <= high < 0.95


def test_needed() -> None:
    """Counted ahead, as many as it then takes; more after a flaw; none once there; and none would do."""
    bound = LowerBound([0.5] * 100)
    ahead = bound.needed(0.8)
    assert ahead
    assert ahead >= next(n for n in range(1, 100) if fewest_accepted(n, 0.8, 100) is not None)
    for question in range(ahead):
        assert bound.bound < 0.8
        assert bound.needed(0.8) == ahead - question
        bound.add(question, True)
    assert bound.bound >= 0.8
    assert bound.needed(0.8) == 0
    flawed = LowerBound([0.5] * 100)
    flawed.add(0, False)
    assert (flawed.needed(0.8) or 0) >= ahead
    assert flawed.needed(1.0) is None


def test_bad_input_is_refused() -> None:
    for said, error in [([], 0.05), ([0.5, 1.1], 0.05), ([0.5, math.nan], 0.05), ([0.5], 0.0)]:
        with pytest.raises(ValueError, match="predictions lie from 0 to 1"):
            LowerBound(said, error)
    bound = LowerBound([0.5, 0.5])
    bound.add(1, True)
    with pytest.raises(ValueError, match="question 1 is audited already"):
        bound.add(1, True)


def test_a_single_look_is_the_exact_one() -> None:
    """Of a large pool Clopper and Pearson's: 29 without a flaw for 90% (0.9 ** 29 < 0.05), 59 for 95%."""
    assert planned_audits(1, 0.9, 10**7) == 29
    assert planned_audits(1, 0.95, 10**7) == 59
    for audits in (50, 137):
        least = fewest_accepted(audits, 0.8, 10**7)
        assert least
        ends = [exact_interval(Score(right=right, total=audits), 0.9)[0] for right in (least - 1, least)]
        assert ends[0] < 0.8 <= ends[1]
    assert fewest_accepted(7, 0.9, 10) is None, "of 10, 2 of which are flawed, 7 are sound 1 time in 15"
    assert fewest_accepted(8, 0.9, 10) == 8, "and 8 of them 1 time in 45"
    with pytest.raises(ValueError, match=r"a share of 0\.8 is below 0\.9"):
        planned_audits(0.8, 0.9, 100)


POOLS = (200, 100_000)
PREDICTORS = ("sharp", "good", "fair", "none", "useless", "reversed", "boastful")


def figures() -> list[dict[str, Any]]:
    told = json.loads((ROOT / "studies" / "results" / "certificate.json").read_text())
    settings: list[dict[str, Any]] = told["settings"]
    return settings


def errors(told: list[dict[str, Any]]) -> Iterator[str]:
    """Of every predictor: its areas, and its worst setting in either pool."""
    for name in PREDICTORS:
        mine = [f for f in told if f["predictor"] == name]
        areas = [f["auroc"] for f in mine if f["pool"] == POOLS[1]]
        worst = [max((f for f in mine if f["pool"] == pool), key=lambda f: float(f["error"])) for pool in POOLS]
        shown = [f"{f['error']:.1%} ({f['error_low']:.1%} to {f['error_high']:.1%})" for f in worst]
        yield row(name, f"{min(areas):.2f} to {max(areas):.2f}", *shown)


def audits(told: list[dict[str, Any]]) -> Iterator[str]:
    """Of every pool, share and target: what the exact bound takes, and what the certificate does."""
    keys = ("pool", "share", "target")
    for pool, share, target in dict.fromkeys(tuple(f[key] for key in keys) for f in told):
        by = {f["predictor"]: f for f in told if tuple(f[key] for key in keys) == (pool, share, target)}
        exact = (by["none"]["planned"], round(by["none"]["looking"]))
        medians = (round(by[name]["audits"]["median"]) for name in PREDICTORS)
        yield row(f"{share:.0%}", f"{target:.0%}", *(f"{count:,}" for count in (*exact, *medians)))


def ratios(told: list[dict[str, Any]]) -> Iterator[str]:
    """Of some predictors, over all shares and targets."""
    names = ("audits_over_exact", "mean_over_exact", "audits_over_exact_at_90", "audits_over_looking")
    for predictor, pool in itertools.product(("sharp", "good", "fair", "useless"), reversed(POOLS)):
        mine = [f for f in told if (f["predictor"], f["pool"]) == (predictor, pool)]
        spans = [sorted(f[name] for f in mine) for name in names]
        yield row(f"{predictor}, {pool:,}", *(f"{span[0]:.2f} to {span[-1]:.2f}" for span in spans))


def test_the_page_has_the_figures_of_the_results_file() -> None:
    page = (ROOT / "docs" / "certificate.md").read_text()
    told = figures()
    for shown in (*errors(told), *ratios(told), *audits(told)):
        assert shown in page.splitlines(), shown
    halved = Counter((f["pool"], f["predictor"]) for f in told if f["audits_over_exact"] <= 0.5)
    large, small = (f"in {halved[pool, 'sharp']} of 10" for pool in reversed(POOLS))
    text = " ".join(page.split())
    assert f"{large} settings with a sharp predictor, in {halved[POOLS[1], 'good']} of 10 with a good one" in text
    assert f"pool of 200 {small} and in {halved[POOLS[0], 'good']} of 10" in text


def test_no_setting_is_wrong_more_often_than_is_stated() -> None:
    assert all(f["error"] <= f["stated_error"] for f in figures())
