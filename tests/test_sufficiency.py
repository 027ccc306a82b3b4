import itertools
from bisect import bisect_left

import numpy as np
import pytest

from elad.annotate import Bought
from elad.evaluate import Score, Scores, Tally
from elad.records import Annotation, Explanation, Question, Verdict
from elad.sufficiency import Agreement, BudgetSpent, Plateau, Round, exact_interval
from elad.sufficiency.agreement import least

EMPTY = Explanation(steps=(), answer=None)


def annotation(n: int, sound: bool, audit: bool) -> Annotation:
    return Annotation(
        question=Question(id=str(n), text="?"), attempt=EMPTY, verdict=Verdict(first_flaw=None if sound else 0),
        target=EMPTY, authors=(), audit=audit, calls=(),
    )  # fmt: skip


def bought(sound: int, flawed: int, *, audit: bool = True, unasked: tuple[str, ...] = ()) -> Bought:
    rows = [annotation(n, n < sound, audit) for n in range(sound + flawed)]
    return Bought(annotations=tuple(rows), unusable={}, unasked=unasked)


def scores(right: int, total: int = 100) -> Scores:
    tally = Tally(overall=Score(right=right, total=total), domains={})
    return Scores(answers=tally, steps=tally)


def rounds(*accuracies: int, batch: Bought | None = None) -> list[Round]:
    batch = batch or bought(1, 1)
    return [
        Round(n + 1, batch, batch.annotations, scores(before), scores(after))
        for n, (before, after) in enumerate(itertools.pairwise(accuracies))
    ]


def test_budget() -> None:
    assert BudgetSpent().reason(rounds(1, 2)) is None
    assert "no cap has room" in str(BudgetSpent().reason(rounds(1, 2, batch=bought(1, 1, unasked=("x",)))))
    assert "no cap has room" in str(BudgetSpent().reason([rounds(1, 2)[0]._replace(spent=True)]))
    assert BudgetSpent(rounds=3).reason(rounds(1, 2, 3)) is None
    assert "all 3 rounds" in str(BudgetSpent(rounds=3).reason(rounds(1, 2, 3, 4)))


def test_an_emptied_pool_stops() -> None:
    refused = Bought(annotations=(), unusable={"q": "why"}, unasked=())
    last = Round(1, refused, (), scores(1), scores(1))
    assert BudgetSpent().reason([last]) is None
    assert "no question is left" in str(BudgetSpent().reason([last._replace(emptied=True)]))


def test_plateau() -> None:
    rule = Plateau(rounds=2)
    assert rule.reason(rounds(50, 51)) is None, "too early to tell"
    assert "50.0% to 52.0%" in str(rule.reason(rounds(10, 50, 51, 52)))
    assert rule.reason(rounds(50, 60, 75)) is None
    assert rule.reason(rounds(0, 0, 0)) is not None
    assert rule.reason(rounds(90, 50, 40)) is not None, "a fall is no gain"


@pytest.mark.parametrize(
    ("sound", "flawed", "low", "high"), [(10, 0, 0.6915, 1.0), (0, 10, 0.0, 0.3085), (8, 2, 0.4439, 0.9748)]
)
def test_the_interval_is_the_exact_one(sound: int, flawed: int, low: float, high: float) -> None:
    """Clopper-Pearson bounds as published tables have them."""
    assert exact_interval(Score(right=sound, total=sound + flawed)) == pytest.approx((low, high), abs=1e-4)


def test_agreement_counts_the_audit_alone() -> None:
    rule = Agreement(target=0.7)
    assert rule.reason(rounds(1, 2, batch=bought(10, 0))) is None
    assert "11 of 11" in str(rule.reason(rounds(1, 2, batch=bought(11, 0))))
    assert rule.reason(rounds(1, 2, batch=bought(50, 0, audit=False))) is None
    assert rule.reason(rounds(1, 2, batch=bought(0, 0))) is None


def test_a_window_looks_back() -> None:
    two = rounds(1, 2, 3, batch=bought(7, 0))
    assert Agreement(target=0.7).reason(two) is None
    assert "14 of 14" in str(Agreement(target=0.7, window=2).reason(two))


def test_later_rounds_must_show_more() -> None:
    """Of 11 without a flaw at least 0.025 ** (1 / 11) hold at the first look, 0.05 / 6 ** (1 / 11) at the second."""
    assert least(Score(right=11, total=11), 1) == pytest.approx(0.025 ** (1 / 11))
    assert least(Score(right=11, total=11), 2) == pytest.approx((0.05 / 6) ** (1 / 11))
    assert Agreement(target=0.7).reason(rounds(1, 2, 3, batch=bought(11, 0))) is None
    assert "at least 71.0% do" in str(Agreement(target=0.7).reason(rounds(1, 2, 3, batch=bought(14, 0))))


def test_however_many_rounds_it_stops_by_luck_in_no_more_than_5_percent_of_runs() -> None:
    """Students of which just less than the target is accepted, looked at in 40 rounds, alone and by windows of 3."""
    shares, dice = 0.799, np.random.default_rng(0)
    least_right = {w: [_enough(40 * min(w, r), r) for r in range(1, 41)] for w in (1, 3)}
    found = dice.binomial(40, shares, (4000, 40))
    for window, needed in least_right.items():
        counted = np.stack([found[:, max(0, r - window) : r].sum(1) for r in range(1, 41)], axis=1)
        wrong = int((counted >= needed).any(axis=1).sum())
        assert exact_interval(Score(right=wrong, total=4000), 0.99)[0] <= 0.05
        assert wrong > 20, "nor is it idle"


def _enough(total: int, round: int) -> int:
    """How many must hold for the rule to stop at 80%."""
    return bisect_left(range(total + 1), 0.8, key=lambda right: least(Score(right=right, total=total), round))


def test_what_can_never_be_reached_is_told() -> None:
    """With a clean sheet in the first round that has a whole window: 36 at error 0.025, 24 each for two at 0.05 / 6."""
    assert Agreement(target=0.9).out_of_reach(36) is None
    assert "no more than 89.7% is certain" in str(Agreement(target=0.9).out_of_reach(34))
    assert Agreement(target=0.9, window=2).out_of_reach(23) is None
    assert "of 44 audited" in str(Agreement(target=0.9, window=2).out_of_reach(22))
