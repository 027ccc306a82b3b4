"""What the next round is expected to buy: on curves that are known, by hand, and in whole runs that it stops."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elad import loop
from elad.budget import Price, Usage
from elad.errors import Interrupted
from elad.ledger import Ledger
from elad.loop import distil
from elad.plan import plan
from elad.report import summary
from elad.sufficiency import Forecast, LearningCurve, Round, Seen, Value, in_words
from tests.runs import contents, interrupted_at, small_recipe
from tests.test_sufficiency import bought, rounds

PRICE = Price(input=1, output=10)


def scores(*shares: float, total: int = 600, each: float = 100) -> list[Seen]:
    """Scores whose shares are right, a round's spend apart."""
    return [Seen(each * n, round(share * total), total) for n, share in enumerate(shares)]


def learnt(kept: Callable[[float], float], first: float = 0.4, limit: float = 0.9) -> Callable[[float], float]:
    """Accuracy by round, from the first to a limit that it never reaches."""
    return lambda n: limit - (limit - first) * kept(n)


KNOWN = {
    "exponential": learnt(lambda n: float(np.exp(-n / 3))),
    "power": learnt(lambda n: (1 + n / 2) ** -0.8),
    "slow to begin": learnt(lambda n: float(np.exp(-((n / 4) ** 2)))),
    "flat": learnt(lambda n: 1.0),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_curve_that_is_known_is_found(name: str) -> None:
    truth = KNOWN[name]
    seen = scores(*(truth(n) for n in range(7)), total=20_000)
    curve = LearningCurve(seen)
    mean, low, high = curve.gain(600, 700)
    gain = truth(7) - truth(6)
    assert low - 0.001 <= gain <= high
    assert mean == pytest.approx(gain, abs=0.006)
    for n in range(9):
        assert curve.share(100 * n).mean == pytest.approx(truth(n), abs=0.012)


KEPT: list[Callable[[float], float]] = [lambda n: float(np.exp(-n / 4)), lambda n: 1 / (1 + 0.4 * n)]


def test_the_interval_holds_the_gain_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for n in range(80):
        kept = KEPT[n % 2]
        truth = learnt(kept, first=rng.uniform(0.2, 0.6), limit=rng.uniform(0.7, 1))
        done = 3 + n % 4
        seen = [Seen(float(x), rng.binomial(600, truth(x)), 600) for x in range(done + 1)]
        _, low, high = LearningCurve(seen).gain(done, done + 1)
        held += low <= truth(done + 1) - truth(done) <= high
    assert held >= 74


def test_before_scores_are_seen_any_start_and_any_limit_are_as_likely() -> None:
    curve = LearningCurve([Seen(0, 1e-9, 2e-9), Seen(1, 1e-9, 2e-9)])
    start, limit = curve.share(0), curve.share(1e15)
    assert start == pytest.approx((0.5, 0.025, 0.975), abs=0.02)
    assert limit.mean == pytest.approx(0.75, abs=0.02), "half of what is wrong at the start, on average"


def test_more_held_out_questions_tell_more() -> None:
    narrow, wide = (LearningCurve(scores(0.5, 0.6, 0.66, 0.7, total=total)).gain(300, 400) for total in (10_000, 100))
    assert narrow.low > wide.low
    assert narrow.high < wide.high


def test_scores_that_scatter_more_than_draws_would_count_for_less() -> None:
    smooth = LearningCurve(scores(0.5, 0.6, 0.66, 0.7, 0.73, 0.75, total=5000))
    rough = LearningCurve(scores(0.5, 0.64, 0.62, 0.74, 0.69, 0.75, total=5000))
    assert smooth.dispersion == 1
    assert rough.dispersion > 5
    widths = [high - low for _, low, high in (curve.gain(500, 600) for curve in (smooth, rough))]
    assert widths[1] > 1.5 * widths[0]


def test_what_no_curve_can_show_is_not_told_as_if_it_were_sure() -> None:
    worse = LearningCurve(scores(0.9, 0.5, 0.52, 0.48))
    assert worse.dispersion > 10
    assert worse.gain(300, 400).high > 0.02
    for share in (0, 1):
        curve = LearningCurve(scores(share, share, share, total=4))
        assert 0 <= curve.gain(200, 300).mean < 0.06


def test_the_next_round_costs_what_the_last_three_did() -> None:
    seen = [Seen(spend, right, 100) for spend, right in ((0, 50), (1000, 60), (1100, 65), (1300, 68), (1600, 70))]
    forecast = Forecast.after(seen, "tokens")
    assert forecast
    assert forecast.cost == 200
    assert forecast.gain == forecast.curve.gain(1600, 1800)
    assert forecast.a_point == pytest.approx(200 / (100 * forecast.gain.mean))
    assert forecast.chance_of_more_than(1e9) < 0.05
    assert forecast.chance_of_more_than(1e-9) > 0.999


def test_nothing_is_said_where_nothing_can_be() -> None:
    assert Forecast.after(scores(0.5), "tokens") is None
    assert Forecast.after(scores(0.5, 0.6, each=0), "money") is None, "a teacher that costs nothing"
    assert Forecast.after([Seen(0, 0, 0), Seen(1, 0, 0)], "tokens") is None, "nothing is held out"


def test_it_is_said_in_words() -> None:
    assert in_words("money", 0.4242, (0.008, 0.001, 0.016), 0.53) == (
        "+0.8 points [+0.1, +1.6] of held-out accuracy for about 0.42: 0.53 a point"
    )
    assert in_words("output_tokens", 12345.6, (0.00001, 0, 0.0002), None) == (
        "+0.0 points [+0.0, +0.0] of held-out accuracy for about 12,346 output tokens"
    )


def told(*accuracies: int, price: Price | None = PRICE) -> list[Round]:
    """Rounds of 2 annotations, 4 calls, 3000 tokens of input and 200 of output each: 0.005 by the price."""
    return [
        round._replace(paid=Usage(calls=4 * n, input_tokens=3000 * n, output_tokens=200 * n), price=price)
        for n, round in enumerate(rounds(*accuracies, batch=bought(1, 1)), start=1)
    ]


FLATTENS = (40, 55, 62, 66, 68)


@pytest.mark.parametrize(
    ("unit", "cost"), [("money", 0.005), ("tokens", 3200), ("output_tokens", 200), ("calls", 4), ("annotations", 2)]
)
def test_it_stops_once_a_point_costs_more_than_it_is_worth(unit: Any, cost: float) -> None:
    forecast = Forecast.after(scores(*(share / 100 for share in FLATTENS), total=100, each=cost), unit)
    assert forecast
    assert forecast.a_point
    worth, not_worth = (Value(price=factor * forecast.a_point, unit=unit) for factor in (1.01, 0.99))
    assert worth.reason(told(*FLATTENS)) is None
    reason = str(not_worth.reason(told(*FLATTENS)))
    assert reason.startswith("value: another round is expected to buy +")
    assert f"about {cost:,g}" in reason
    assert reason.endswith(f"and one is worth {not_worth.price:g}")


def test_it_waits_for_rounds_and_until_it_is_sure() -> None:
    cheap = Value(price=1e-9)
    assert [cheap.reason(told(*FLATTENS[: n + 1])) is not None for n in (1, 2, 3, 4)] == [False, False, True, True]
    assert Value(price=1e-9, rounds=1).reason(told(*FLATTENS[:2]))
    forecast = Forecast.after(scores(*(share / 100 for share in FLATTENS), total=100, each=0.005), "money")
    assert forecast
    assert forecast.a_point
    price = 0.95 * forecast.a_point
    chance = forecast.chance_of_more_than(price)
    assert 0.3 < chance < 0.9
    assert Value(price=price, sure=chance - 0.01).reason(told(*FLATTENS))
    assert Value(price=price, sure=chance + 0.01).reason(told(*FLATTENS)) is None


def test_money_is_reckoned_by_the_price_that_holds_now() -> None:
    repriced = [*told(*FLATTENS, price=Price(input=1000, output=9000))[:-1], told(*FLATTENS)[-1]]
    rule = Value(price=1e-9)
    assert rule.reason(repriced) == rule.reason(told(*FLATTENS))
    assert rule.reason(told(*FLATTENS, price=None)) is None


STOP = [{"kind": "value", "unit": "tokens", "price": 0.001, "rounds": 2}]


def test_a_run_stops_by_value_and_its_report_says_the_same(minimal_student: Path, tmp_path: Path) -> None:
    recipe = small_recipe(minimal_student, stop=STOP)
    assert plan(recipe, tmp_path / "planned")["may_stop_sooner"] == ["value"]
    reason = distil(recipe, tmp_path / "run")
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        story = summary(ledger)
        spends = [0, *(ledger.calls.spent(up_to=number).tokens for number in (1, 2))]
    expected = story["forecast"]
    words = in_words(
        "tokens", expected["cost"], (expected["gain"]["points"], *expected["gain"]["interval"]), expected["a_point"]
    )
    assert reason == f"value: another round is expected to buy {words}, and one is worth 0.001"
    assert len(story["rounds"]) == 3
    assert expected["cost"] == spends[2] / 2
    assert [point["spend"] for point in expected["curve"]] == [*spends, 1.5 * spends[2], 2 * spends[2]]


def test_a_resumed_run_stops_in_the_same_round_for_the_same_reason(
    minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(minimal_student, stop=STOP)
    reason = distil(recipe, tmp_path / "whole")
    for _ in range(2):  # in the first round, and then in the second
        monkeypatch.setattr(loop, "evaluate", interrupted_at(2))
        with pytest.raises(Interrupted):
            distil(recipe, tmp_path / "resumed")
        monkeypatch.undo()
    assert distil(recipe, tmp_path / "resumed") == reason
    assert contents(tmp_path / "resumed") == contents(tmp_path / "whole")


def test_money_stops_a_run_of_a_teacher_with_a_price(minimal_student: Path, tmp_path: Path) -> None:
    teacher = {"kind": "solver", "world": "arithmetic", "price": {"input": 1, "output": 10}}
    reason = distil(
        small_recipe(minimal_student, teacher=teacher, stop=[{"kind": "value", "price": 1e-9, "rounds": 1}]), tmp_path
    )
    assert re.match(r"value: .* for about 0\.00\d+: 0\.0\d+ a point, and one is worth 1e-09$", reason)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert summary(ledger)["forecast"]["unit"] == "money"
