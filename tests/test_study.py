"""Studies: what is compared, by hand, and a small one from its file to its results."""

import json
import math
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from elad.errors import InputError
from elad.evaluate import Scores
from elad.ledger import FILE, Ledger
from elad.loop import distil
from elad.pool import File
from elad.recipe import Recipe, load_recipe
from elad.records import Explanation
from elad.study import Curve, curve_of, gain_at, load_study, results, run_study, spend_ratio
from elad.study.curves import points, telling
from elad.study.plot import plotted
from elad.study.study import runs_of
from elad.worlds import Arithmetic


def test_a_curve_is_read_between_its_rounds() -> None:
    curve = Curve((0, 100, 300), (0.5, 0.7, 0.6))
    assert [curve.at(spend) for spend in (0, 50, 200, 900)] == pytest.approx([0.5, 0.6, 0.65, 0.6])
    assert [curve.reaches(a) for a in (0.4, 0.5, 0.6, 0.7)] == pytest.approx([0, 0, 50, 100])
    assert curve.reaches(0.71) == math.inf
    assert Curve((0, 10, 20, 30), (0.5, 0.4, 0.5, 0.9)).reaches(0.6) == pytest.approx(22.5), "the best so far counts"


def test_pairs_are_compared_seed_by_seed() -> None:
    # the seeds differ by far more than the arms: only what is paired can tell these apart
    pairs = [
        (Curve((0, 100), (b, b + 0.30 + e)), Curve((0, 100), (b, b + 0.20)))
        for b, e in ((0, 0.01), (0.5, 0), (0.2, -0.01))
    ]
    gain = gain_at(pairs, 100)
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.10, 0.09, 0.11))
    assert gain_at(pairs, 0)[:3] == (0, 0, 0)


def test_spend_to_reach_is_a_ratio_of_means() -> None:
    quick, slow = Curve((0, 100), (0.5, 0.9)), Curve((0, 100), (0.5, 0.7))
    ratio = spend_ratio([(quick, slow), (quick, slow)], 0.6)
    assert tuple(ratio) == pytest.approx((0.5, 0.5, 0.5, 2))
    # what the other never reaches takes at least all that it spent; what the arm never reaches takes for ever
    assert spend_ratio([(quick, slow)], 0.8).value == pytest.approx(0.75)
    assert spend_ratio([(slow, quick)], 0.8).value == math.inf


def test_an_interval_is_wide_where_seeds_differ_and_always_the_same() -> None:
    pairs = [(Curve((0, 100), (0.5, 0.6 + 0.05 * n)), Curve((0, 100), (0.5, 0.6))) for n in range(5)]
    gain = gain_at(pairs, 100)
    assert gain.value == pytest.approx(0.1)
    assert 0.0 < gain.low < 0.06 < 0.14 < gain.high < 0.2
    assert gain == gain_at(pairs, 100)


@pytest.fixture
def file(recipe: Recipe, tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(recipe.resolved()))
    path = tmp_path / "study.yaml"
    told = {
        "name": "small",
        "recipe": str(tmp_path / "base.yaml"),
        "seeds": [0, 1],
        "against": "random",
        "ceiling": "random",
        "share": 0.5,
        "versus": [["entropy", "random"]],
        "arms": {"random": {"select.kind": "random"}, "entropy": {"select": {"kind": "entropy"}, "rounds.batch": 2}},
    }
    path.write_text(yaml.safe_dump(told, sort_keys=False))
    return path


def test_seeds_are_run_together_so_that_what_is_there_is_paired(file: Path, tmp_path: Path) -> None:
    arms = list(runs_of(load_study(file), tmp_path))
    assert [(arm.name, arm.seed) for arm in arms] == [("random", 0), ("entropy", 0), ("random", 1), ("entropy", 1)]
    assert arms[1].overrides == ("seed=0", "select={kind: entropy}", "rounds.batch=2")


def test_the_side_is_run_after_the_others_and_changes_none_of_them(file: Path, tmp_path: Path) -> None:
    before = list(runs_of(load_study(file), tmp_path))
    side = {"seeds": [1], "arms": {"margin": {"select.kind": "margin"}}}
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "side": side}, sort_keys=False))
    arms = list(runs_of(load_study(file), tmp_path))
    assert arms[:4] == before
    assert [(arm.name, arm.seed, arm.folder) for arm in arms[4:]] == [("margin", 1, tmp_path / "small/margin/1")]


def test_a_study_like_another_says_what_is_different(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump({"like": str(file), "name": "other", "measure": "steps"}))
    assert load_study(other) == load_study(file).model_copy(update={"name": "other", "measure": "steps"})
    other.write_text(yaml.safe_dump({"like": str(tmp_path / "nowhere.yaml")}))
    with pytest.raises(InputError, match=r"nowhere\.yaml can't be read"):
        load_study(other)
    for odd in (None, 3, str(other)):
        other.write_text(yaml.safe_dump({"like": odd}))
        with pytest.raises(InputError, match="like is"):
            load_study(other)


def test_steps_are_measured_where_answers_can_be_guessed(recipe: Recipe, tmp_path: Path) -> None:
    distil(recipe, tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        by_steps, scores = points(ledger, "steps"), ledger.traced(1, "evaluate", Scores)
        assert scores
        assert (by_steps[1]["right"], by_steps[1]["total"]) == (scores.steps.overall.right, scores.steps.overall.total)
        attempts = list(ledger.attempts(1))
    guessed = [a.model_copy(update={"explanation": Explanation(steps=(), answer=a.question.answer)}) for a in attempts]
    gold = [(a, Explanation(steps=a.question.steps, answer=a.question.answer)) for a in attempts]
    sound = [a.model_copy(update={"explanation": explanation}) for a, explanation in gold]
    ranked = {id(a): float(place) for place, a in enumerate([*sound, *guessed])}
    assert telling([*sound, *guessed], {"rank": lambda a: ranked[id(a)]}, "steps") == {"rank": 1.0}
    assert telling([*sound, *guessed], {"rank": lambda a: ranked[id(a)]}) == {}, "by their answers none is wrong"


def test_a_run_of_another_recipe_is_not_counted_as_an_arms(file: Path, tmp_path: Path) -> None:
    study = load_study(file).model_copy(update={"seeds": (0,)})
    runs = tmp_path / "runs"
    for arm in runs_of(study, runs):
        distil(load_recipe(study.recipe, arm.overrides), arm.folder)
    assert list(results(study, runs)["arms"]) == ["random", "entropy"]
    changed = study.model_copy(update={"arms": {**study.arms, "entropy": {"select.kind": "entropy"}}})
    assert list(results(changed, runs)["arms"]) == ["random"]
    (runs / "small" / "random" / "0" / FILE).write_text("torn")
    assert list(results(study, runs)["arms"]) == ["entropy"], "what can't be read costs no other run"


def test_steps_that_the_file_has_not_can_not_be_counted(recipe: Recipe, tmp_path: Path) -> None:
    rows = [
        {"id": str(n), "question": q.text, "answer": q.answer} for n, q in enumerate(Arithmetic(count=4).questions())
    ]
    (tmp_path / "held.jsonl").write_text("\n".join(map(json.dumps, rows)))
    bare = recipe.model_copy(update={"held_out": File(path=tmp_path / "held.jsonl")})
    distil(bare, tmp_path / "run")
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert points(ledger)[0]["total"] == 4
        with pytest.raises(InputError, match="can be counted by its steps"):
            points(ledger, "steps")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"against": "nobody"}, "nobody"),
        ({"seeds": [1, 1]}, "twice"),
        ({"arms": {"random": {"select.kind": "rndom"}}, "versus": []}, "arms.random"),
        ({"recipe": "/nowhere.yaml"}, "can't be read"),
        ({"colour": 1}, "colour"),
        ({"side": {"seeds": [2], "arms": {"margin": {}}}}, "side.seeds has 2"),
        ({"side": {"seeds": [0], "arms": {"random": {}}}}, "random stands in `side` too"),
        ({"side": {"seeds": [0], "arms": {"margin": {"select.kind": "mrgin"}}}}, "side.arms.margin"),
        ({"versus": [["entropy", "nobody"]]}, "versus is 'nobody'"),
    ],
)
def test_what_is_wrong_with_a_study_is_said(file: Path, change: dict[str, object], word: str) -> None:
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **change}))
    with pytest.raises(InputError, match=word):
        load_study(file)


@pytest.mark.slow
def test_a_study_from_its_file_to_its_results(file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "elad", "study", str(file), "--under", str(tmp_path / "runs"), "--jobs", "2"]
    to = ["--to", str(tmp_path / "told.json"), "--markdown"]
    first = subprocess.run([*command, *to], capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    told = json.loads((tmp_path / "told.json").read_text())
    assert ET.fromstring((tmp_path / "told.svg").read_text()).tag.endswith("svg")
    assert {name: list(arm["curves"]) for name, arm in told["arms"].items()} == {
        "random": ["0", "1"],
        "entropy": ["0", "1"],
    }
    run = told["arms"]["entropy"]["curves"]["1"]
    assert [round["annotations"] for round in run] == [0, 2, 4, 6]
    assert told["arms"]["random"]["gain_over_random"]["output_tokens"][-1]["value"] == 0
    assert told["versus"][0]["gain_over_random"]["annotations"][-1]["spend"] == 6
    assert len(told["arms"]["entropy"]["accepted"]) == 3
    assert "| entropy | 2 |" in first.stdout
    again = subprocess.run([*command, "--to", str(tmp_path / "again.json")], capture_output=True, text=True)
    assert again.returncode == 0
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "told.json").read_bytes()


def test_a_run_that_fails_does_not_end_the_others(file: Path, tmp_path: Path) -> None:
    study = load_study(file)
    runs = tmp_path / "runs"
    (runs / "small" / "random").mkdir(parents=True)
    (runs / "small" / "random" / "0").write_text("a file where a run should be")
    study = study.model_copy(update={"seeds": (0,)})
    failed = run_study(study, runs)
    assert [(arm.name, "is a file" in why) for arm, why in failed.items()] == [("random", True)]
    told = results(study, runs)
    assert list(told["arms"]) == ["entropy"]
    assert told["target"] is None
    assert "spend_ratio_to_random" not in told["arms"]["entropy"]
    assert told["versus"] == []
    assert curve_of(told["arms"]["entropy"]["curves"]["0"], "annotations").spend == (0, 2, 4, 6)
    assert "<svg" in plotted(told)


@pytest.mark.slow
def test_ctrl_c_begins_no_other_run(file: Path, tmp_path: Path) -> None:
    arms = {"random": {"select.kind": "random", "teacher.latency": 30}, "entropy": {"select.kind": "entropy"}}
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "arms": arms}, sort_keys=False))
    command = [sys.executable, "-m", "elad", "study", str(file), "--under", str(tmp_path / "runs")]
    to = ["--to", str(tmp_path / "told.json")]
    process = subprocess.Popen([*command, *to], stderr=subprocess.PIPE, text=True, start_new_session=True)
    first = tmp_path / "runs" / "small" / "random" / "0" / "recipe.yaml"
    for _ in range(600):
        if first.exists():
            break
        time.sleep(0.1)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all that run in it
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert [folder.name for folder in (tmp_path / "runs" / "small").iterdir()] == ["random"]
