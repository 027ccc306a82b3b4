import itertools

import pytest

from elad.annotate import Bought
from elad.evaluate import Score, Scores, Tally
from elad.records import Annotation, Explanation, Question, Verdict
from elad.sufficiency import Agreement, BudgetSpent, Plateau, Round, exact_interval

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
    two = rounds(1, 2, 3, batch=bought(6, 0))
    assert Agreement(target=0.7).reason(two) is None
    assert "12 of 12" in str(Agreement(target=0.7, window=2).reason(two))
