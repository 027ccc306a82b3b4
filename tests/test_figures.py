"""The figures: what they show, by hand, and that it can be drawn and read."""

import xml.etree.ElementTree as ET
from typing import Any

import pytest

from elad.report.arms import overlaid
from elad.report.figure import Figure
from elad.report.figures import accuracy, by_round
from elad.report.plots import Axis, Point, curves


def told(round: int, *, tokens: int = 0, share: float = 0.5, held: int = 0, **more: Any) -> dict[str, Any]:
    """A round of a summary."""
    nothing = {"right": 0, "total": 0, "share": None, "interval": [0.0, 1.0]}
    agreement = {"right": held, "total": 10, "share": held / 10, "interval": [0.1, 0.9]} if held else nothing
    return {
        "round": round,
        "spent": {"calls": 1, "input_tokens": tokens, "output_tokens": 0, "tokens": tokens},
        "accuracy": {"overall": {"share": share, "interval": [share - 0.1, share + 0.1], "total": 10}, "domains": {}},
        "agreement": agreement,
        "judged": "explanations",
        "domains": {},
        "accepted": nothing,
        "remembered": nothing,
        "aurocs": {},
        **more,
    }


def rows(figure: Figure, label: str) -> list[list[str]]:
    return [cells for name, *cells in figure.rows if name == label]


def test_an_audit_stands_at_what_had_made_the_student_that_it_judges() -> None:
    figure = accuracy([told(0), told(1, tokens=100, share=0.6, held=5), told(2, tokens=300, share=0.7, held=8)])
    assert rows(figure, "agreement with the teacher") == [
        ["0", "50.0%", "10.0% to 90.0%"],
        ["100", "80.0%", "10.0% to 90.0%"],
    ]
    assert [cells[:2] for cells in rows(figure, "held-out accuracy")] == [
        ["0", "50.0%"],
        ["100", "60.0%"],
        ["300", "70.0%"],
    ]


def test_what_is_expected_goes_on_beyond_the_last_round() -> None:
    curve = [{"spend": 3.0 * n, "share": 0.5 + 0.1 * n, "interval": [0.4, 0.8]} for n in range(4)]
    rounds = [told(0), told(1, tokens=100, share=0.6, held=5)]
    figure = accuracy(rounds, {"unit": "output_tokens", "curve": curve})
    assert figure.header[1] == "output tokens spent"
    assert [cells[0] for cells in rows(figure, "held-out accuracy")] == ["0", "3"]
    assert rows(figure, "agreement with the teacher") == [["0", "50.0%", "10.0% to 90.0%"]]
    assert rows(figure, "expected") == [[str(3 * n), f"{50 + 10 * n}.0%", "40.0% to 80.0%"] for n in range(4)]
    assert "to 2 rounds beyond the last" in figure.caption


def test_money_is_the_axis_where_every_run_has_a_price() -> None:
    priced = [told(0, spent={"money": "0", "tokens": 0}), told(1, spent={"money": "1.5", "tokens": 7})]
    assert overlaid({"a": [priced]}).header[1] == "money spent"
    assert overlaid({"a": [priced], "b": [[told(0)]]}).header[1] == "tokens spent"


def test_seeds_are_one_curve_with_the_interval_of_their_mean() -> None:
    runs = [[told(0, share=0.5), told(1, tokens=100 + 20 * seed, share=0.6 + 0.02 * seed)] for seed in range(3)]
    (_, (x, y, interval)) = rows(overlaid({"three": runs}), "three")
    # the mean of 0.60, 0.62, 0.64 is 0.62, their standard deviation 0.02, and t(0.975, 2) = 4.3027
    assert (x, y) == ("120", "62.0%")
    half = 4.3027 * 0.02 / 3**0.5
    assert interval == f"{0.62 - half:.1%} to {0.62 + half:.1%}"


def test_a_band_of_seeds_stays_a_share_and_ends_with_the_first_of_them() -> None:
    runs = [[told(0, share=share), *([told(1, tokens=9)] if share > 0.95 else [])] for share in (0.93, 0.99)]
    (only,) = rows(overlaid({"two": runs}), "two")
    assert only[2].endswith("to 100.0%")
    assert "as far as all came" in overlaid({"two": runs}).caption


def test_tokens_are_shown_by_the_classes_that_are_priced_apart() -> None:
    def spent(calls: int) -> dict[str, int]:
        classes = {"input_tokens": 100, "cached_tokens": 30, "written_tokens": 20, "output_tokens": 50}
        return {name: calls * count for name, count in {**classes, "reasoning_tokens": 40, "tokens": 150}.items()}

    figures = by_round({"rounds": [told(0, spent=spent(0)), told(1, spent=spent(1)), told(2, spent=spent(3))]}, [])
    (tokens,) = [figure for figure in figures if figure.name == "Tokens by class"]
    assert tokens.header == ["round", "input", "output", "cached", "written", "reasoning"]
    assert tokens.rows == [["1", "50", "10", "30", "20", "40"], ["2", "100", "20", "60", "40", "80"]]


def test_a_round_under_way_has_no_time_yet() -> None:
    times = [{"round": 0, "seconds": {"evaluate": 2.0}}, {"round": 1, "seconds": {"train": 5.0, "ask": 1.5}}]
    times.append({"round": 2, "seconds": {"train": 1.0}})
    (figure,) = [f for f in by_round({"rounds": [told(0), told(1, tokens=1)]}, times) if f.name == "Time by phase"]
    assert figure.header == ["round", "ask", "train", "evaluate"]
    assert [cells[0] for cells in figure.rows] == ["0", "1"]


def test_what_was_bought_is_told_by_domain_from_easy_to_hard() -> None:
    bought = [told(1, tokens=1, domains={"hard": 3, "easy": 1}), told(2, tokens=2, domains={"middle": 2})]
    (mix,) = [f for f in by_round({"rounds": [told(0), *bought]}, []) if f.name == "What was bought"]
    assert mix.header == ["round", "easy", "middle", "hard"]


@pytest.mark.parametrize("name", ["a & b <c>", "'); alert(1); ('", "x" * 5000, "a | b", "%s {{7*7}} ${1}", "é漢🙂"])
def test_any_name_can_be_drawn(name: str) -> None:
    series = {name: [Point(0, 0.5, 0.4, 0.6), Point(1, 0.6, 0.5, 0.7)], f"{name} too": [Point(0, 0.5), Point(1, 0.7)]}
    drawn = ET.fromstring(curves(series, Axis("x"), Axis("y", ".0%")))
    assert drawn.tag.endswith("svg")
    assert len(drawn.findall(".//{http://www.w3.org/2000/svg}path")) > 3
