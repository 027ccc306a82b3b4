"""Runs held against one another: who is an arm, what it is called, what can't be compared, and what is shown."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from elad.cli.main import app
from elad.errors import InputError
from elad.ledger import Ledger
from elad.records import Question
from elad.report.html import asset
from elad.study import compared
from elad.study.arms import Run, told
from elad.study.multiples import multiples
from elad.study.names import names
from elad.study.origin import Origin
from elad.study.plot import plotted
from elad.study.table import markdown, tables
from tests.made_runs import made_annotation, made_run
from tests.runs import small_recipe

HERE = Origin("held out", "pool", "student")


def run(*right: int, tokens: int = 100, accepted: float = 0.5, origin: Origin = HERE, **more: Any) -> Run:
    """A run of which so many of 100 were right round by round, at so many output tokens a round."""
    rounds = [
        {
            "round": number,
            "right": count,
            "total": 100,
            "annotations": 10 * number,
            "output_tokens": tokens * number,
            "tokens": 3 * tokens * number,
            "accepted": accepted if number else None,
            "auroc": {"margin": 0.75} if number else {},
            "own_auroc": 0.8 if number else None,
            "domains": {},
            **more,
        }
        for number, count in enumerate(right)
    ]
    return Run(rounds, origin)


def of(*arms: Sequence[Run]) -> dict[str, dict[int, Run]]:
    return {name: dict(enumerate(runs)) for name, runs in zip("abcdefgh", arms, strict=False)}


def results(arms: dict[str, dict[int, Run]], target: float | None = 0.7, **more: Any) -> dict[str, Any]:
    return {"ceiling": None, "side": [], **told(arms, "a", target, [("c", "b")] if "c" in arms else []), **more}


def test_an_arm_is_held_against_another_than_the_base_too() -> None:
    slow, quick = run(50, 60, 70, 80), run(50, 70, 80, 90)
    found = results(of([slow, slow, slow], [quick, quick], [run(50, 70, 80, 90, tokens=50)] * 3))
    assert found["arms"]["b"]["spend_ratio_to_a"]["output_tokens"] == {
        "value": 0.5, "low": 0.5, "high": 0.5, "seeds": 2, "other_reached": 2,
    }  # fmt: skip
    (pair,) = found["versus"]
    assert (pair["arm"], pair["against"]) == ("c", "b")
    assert pair["spend_ratio_to_b"]["output_tokens"]["value"] == 0.5
    assert pair["spend_ratio_to_b"]["annotations"]["value"] == 1
    # where c ends, at 150 tokens, b is half way from 70 to 80
    assert pair["gain_over_b"]["output_tokens"][-1] == {
        "spend": 150,
        "value": 0.15,
        "low": 0.15,
        "high": 0.15,
        "seeds": 2,
    }
    assert "money" not in pair["gain_over_b"]


def test_what_began_elsewhere_is_no_pair() -> None:
    elsewhere = run(50, 60, 70, origin=HERE._replace(pool="another"))
    assert "gain_over_a" not in results(of([run(50, 60, 70)], [elsewhere]))["arms"]["b"]


def test_what_costs_nothing_is_no_ratio() -> None:
    assert "spend_ratio_to_a" not in results(of([run(50, 60)], [run(50, 60)]), target=0.4)["arms"]["b"]


def test_domains_are_compared_at_the_end() -> None:
    def ended(easy: float, hard: float) -> Run:
        return run(50, 60, domains={"easy": easy, "hard": hard})

    found = results(of([ended(0.9, 0.2), ended(0.8, 0.4)], [ended(0.9, 0.5), ended(0.7, 0.6)]))["arms"]["b"]
    assert found["domains_over_a"] == {
        "easy": {"value": -0.05, "low": -0.1, "high": 0.0, "seeds": 2},
        "hard": {"value": 0.25, "low": 0.2, "high": 0.3, "seeds": 2},
    }
    assert "domains_over_a" not in results(of([run(50, 60)], [run(50, 60)]))["arms"]["b"]
    alone = of([run(50, 60, domains={"only": 0.6})], [run(50, 60, domains={"only": 0.7})])
    assert "domains_over_a" not in results(alone)["arms"]["b"]


def test_where_nobody_was_asked_arms_are_told_by_annotations() -> None:
    found = results(of([run(50, 60, tokens=0)] * 2, [run(50, 70, tokens=0)] * 2), side=["b"])
    assert set(found["arms"]["b"]["gain_over_a"]) == {"annotations"}
    first, second = tables(found)
    assert first.rows[1] == ["b", "2", "", "", "", "70.0%", "70.0%", "10", "50%", "0.80"]
    assert "shares of 10 annotations and" in first.caption
    assert second.rows[0][-1] == "+10.0 [+10.0, +10.0]"
    side = multiples(found)
    for drawing in (plotted(found), side):
        assert drawing
        assert "annotations" in drawing
        assert "output tokens" not in drawing


def test_arms_of_which_one_asked_nobody_are_told_by_annotations() -> None:
    arms = of([run(50, 60, tokens=0)], [run(50, 65, tokens=0)], [run(50, 70)])
    found = results(arms)
    assert tables(found)[0].rows[2][-4:-1] == ["70.0%", "10", "50%"]
    assert [row[:3] for row in tables(found)[1].rows] == [["b", "a", "1"], ["c", "a", "1"], ["c", "b", "1"]]
    assert markdown(found)


def test_figures_are_means_over_seeds_by_round() -> None:
    found = results(of([run(50, 60, accepted=0.2), run(50, 60, 70, accepted=0.6)]))["arms"]["a"]
    assert found["accepted"] == [0.4, 0.6]
    assert found["own_auroc"] == [0.8, 0.8]
    assert found["auroc"] == {"margin": [0.75, 0.75]}


def test_the_tables_say_what_is_known_and_of_how_many_seeds() -> None:
    arms = of([run(50, 60, 66), run(50, 60, 70)], [run(50, 70, 75), run(50, 65, 75)], [run(50, 55, 60)])
    first, second = tables(results(arms))
    assert first.rows[0] == ["a", "2", "", "60.0%", "64.0%", "68.0%", "68.0%", "200", "50%", "0.80"]
    assert second.rows[0][:3] == ["b", "a", "2"]
    assert second.rows[0][3].startswith("at most 0.62 [0.50, 0.75]"), "one of the others never reaches it"
    assert second.rows[1] == ["c", "a", "1", "never", "never", "-6.0"], "of one seed there is no interval"
    lines = markdown(results(arms)).splitlines()
    assert "| c | b | 1 | never | never | -15.0 |" in lines
    assert not tables(results({}))


def test_before_a_first_round_there_is_nothing_to_say() -> None:
    whole = run(50, 90, tokens=1000)
    first, second = tables(results(of([run(50, 60, 70)], [whole]), ceiling="b"))
    assert first.rows[1][2:7] == ["", "", "", "", "90.0%"]
    assert second.rows[0][-1] == ""


def test_drawings_show_main_and_side_in_light_and_dark() -> None:
    runs = [run(50, 60, 70), run(50, 62, 74), run(50, 61, 69)]
    found = results(of(runs, runs, runs, [run(50, 90, tokens=5000)]), ceiling="d", side=["c"])
    drawn, side = plotted(found), multiples(found)
    assert side is not None
    for svg in (drawn, side):
        assert ET.fromstring(svg).tag.endswith("svg")
        assert "prefers-color-scheme:dark" in svg
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    assert {"a", "b", "d", "target", "annotations", "accepted by the teacher"} <= set(texts)
    assert "c" not in texts
    assert "5k" not in texts, "the arm that is taught everything leaves the others their room"
    assert multiples(results(of(runs))) is None


def test_a_drawing_alone_has_the_page_s_colours() -> None:
    found = re.compile(r"(--(?:c\d|ink|line|paper)): (#\w+)")
    light, _, dark = asset("page.css").partition("* {")[0].partition("@media")
    drawn = plotted(results(of([run(50, 60, 70)])))
    pairs = [":".join(pair) for page in (light, dark) for pair in found.findall(page)]
    assert len(pairs) >= 10
    assert all(pair in drawn for pair in pairs)


def test_shares_of_domains_are_drawn_where_they_change() -> None:
    def mixed(*shares: float) -> Run:
        looks = [{"step": 10 * n, "shares": {"sums": s, "words": 1 - s}} for n, s in enumerate(shares)]
        return run(50, 60, mixture=looks)

    drawn = plotted(results(of([mixed(0.5, 0.5, 0.5)] * 3, [mixed(0.5, 0.7, 0.2)] * 3)))
    texts = set(re.findall(r"<text[^>]*>([^<]*)</text>", drawn))
    assert {"sums", "words", "share of each domain, b", "step of training"} <= texts
    assert "share of each domain, a" not in texts, "they stay"
    assert "round" not in texts, "of one round nothing goes on over rounds"


def test_money_is_drawn_where_there_is_a_price() -> None:
    assert "money" not in plotted(results(of([run(50, 60, 70)])))
    assert "teacher's money" in plotted(results(of([run(50, 60, 70, money="0.5")])))


def recipe(**changes: Any) -> dict[str, Any]:
    return small_recipe(Path("tiny"), **changes).resolved()


def test_arms_are_named_by_what_differs() -> None:
    rounds = {"candidates": 6, "batch": 2}
    arms = [
        recipe(select={"kind": "random"}),
        recipe(select={"kind": "egss", "samples": 1}),
        recipe(select={"kind": "egss", "samples": 2}),
        recipe(select={"kind": "entropy"}, annotate={"kind": "rationale"}, rounds=rounds),
    ]
    assert names(arms) == [
        "random, revise",
        "egss, revise, select.samples=1",
        "egss, revise, select.samples=2",
        "entropy, rationale, rounds.batch=2, rounds.audit=0.2",
    ]
    assert names(arms[:1]) == ["random"]
    assert names([recipe(), recipe(name="mine")]) == ["name=elad", "name=mine"]


def made(folder: Path, seed: int = 0, kind: str = "random", count: int = 4) -> Path:
    annotations = [made_annotation(number) for number in range(2 * count)]
    return made_run(folder, [annotations[:count], annotations[count:]], seed=seed, select={"kind": kind})


def test_runs_that_differ_in_their_seeds_are_one_arm(tmp_path: Path) -> None:
    folders = [made(tmp_path / f"{kind}{seed}", seed, kind) for kind in ("entropy", "random") for seed in (0, 1)]
    found = compared(folders[:3])
    assert found["runs"] == {
        "entropy": {"0": str(folders[0]), "1": str(folders[1])},
        "random": {"0": str(folders[2])},
    }
    assert (found["against"], found["target"]) == ("random", 0.52)
    assert found["notes"] == ["entropy is held against random over the seeds that both have: 0."]
    assert compared(folders, against=str(folders[1]), target=0.9)["against"] == "entropy"
    assert compared([folders[0], folders[3]])["notes"] == ["entropy shares no seed with random: not held against it."]
    with pytest.raises(InputError, match=r"is no arm.*\n  entropy\n  random"):
        compared(folders, against="nobody")
    with pytest.raises(InputError, match="name one of them"):
        compared([folders[0], folders[0]])


def test_another_pool_is_said_and_other_held_out_questions_are_refused(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "other", kind="entropy", count=5)
    (note,) = compared([one, other])["notes"]
    assert note == "entropy began with another pool than random: not held against it."
    again = compared([one, made(tmp_path / "again", count=6)])
    assert all(name.startswith("pool content=") for name in again["arms"]), "one recipe, whose file has changed"
    with Ledger(other) as ledger, ledger.admission() as admission:
        admission.add("more", None, "held out", question=Question(id="more", text="Which?"))
    with pytest.raises(InputError, match=r"held-out questions are not the same.\n  Their recipes name the same ones"):
        compared([one, other])
    third = made_run(tmp_path / "third", [], held_out={**recipe()["held_out"], "count": 5})
    with pytest.raises(InputError, match="no finished round"):
        compared([one, third])


def test_the_command_writes_results_that_are_told_again(tmp_path: Path) -> None:
    folders = [str(made(tmp_path / kind, kind=kind)) for kind in ("random", "entropy")]
    file = tmp_path / "told" / "both.json"
    done = CliRunner().invoke(app, ["compare", *folders, "--to", str(file)])
    assert done.exit_code == 0, done.output
    assert done.output.endswith(f"results: {file}, drawn in {file.with_suffix('.svg')}\n")
    drawn = file.with_suffix(".svg").read_text()
    as_json = CliRunner().invoke(app, ["compare", *folders, "--json"])
    assert json.loads(as_json.output) == json.loads(file.read_text())
    file.with_suffix(".svg").unlink()
    again = CliRunner().invoke(app, ["study", str(file), "--markdown"])
    assert "| entropy | random | 1 |" in again.output
    assert file.with_suffix(".svg").read_text() == drawn
    for wrong in (["compare", *folders, "--to", "told.svg"], ["compare", *folders, "--json", "--markdown"]):
        assert isinstance(CliRunner().invoke(app, wrong).exception, InputError)
    file.write_text("{}")
    assert isinstance(CliRunner().invoke(app, ["study", str(file)]).exception, InputError)
