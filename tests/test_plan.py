"""A plan is the beginning of the run, buys nothing but its probe, and says what the run will cost."""

import json
from pathlib import Path
from typing import Any

import pytest

from elad.budget import Caps, Price, Usage
from elad.errors import RunFolderError
from elad.ledger import Ledger
from elad.loop import distil
from elad.plan import lines, plan
from elad.plan.reckoning import Cost, affordable, margin
from elad.recipe import Recipe, load_recipe
from tests.endpoint import KEY, SolverEndpoint
from tests.runs import contents, small_recipe

RECIPES = Path(__file__).parent.parent / "recipes"


def test_planning_spends_nothing_and_changes_nothing_of_the_run(recipe: Recipe, tmp_path: Path) -> None:
    told = plan(recipe, tmp_path / "planned")
    with Ledger(tmp_path / "planned", read_only=True) as ledger:
        assert ledger.calls.spent() == Usage()
        assert ledger.counts()["selected"] == 3
    assert told["rounds"] == 3
    assert told["questions"] == 9
    assert told["expected"]["calls"] == 9
    assert told["first"], "what would be asked first"
    assert [message["role"] for message in told["request"]] == ["system", "user"]
    distil(recipe, tmp_path / "planned")
    distil(recipe, tmp_path / "unplanned")
    assert contents(tmp_path / "planned") == contents(tmp_path / "unplanned")
    assert plan(recipe, tmp_path / "planned") == {"stopped": "budget: all 3 rounds are run"}


def test_a_probe_is_kept_and_sharpens(recipe: Recipe, tmp_path: Path) -> None:
    guessed = plan(recipe, tmp_path / "probed")
    probed = plan(recipe, tmp_path / "probed", probe=2)
    assert (guessed["known"], probed["known"]) == (0, 2)
    assert probed["spent"]["calls"] == 2
    assert probed["questions"] == 7
    assert probed["expected"]["calls"] == 9
    assert plan(recipe, tmp_path / "probed", probe=2)["spent"]["calls"] == 2, "the same are not bought again"
    distil(recipe, tmp_path / "probed")
    distil(recipe, tmp_path / "unprobed")
    assert contents(tmp_path / "probed") == contents(tmp_path / "unprobed")


CASES: dict[str, tuple[str, list[str]]] = {
    "revise": ("elad.yaml", []),
    "rationale": ("elad.yaml", ["annotate.kind=rationale"]),
    "dialogue": ("elad.yaml", ["annotate.kind=dialogue"]),
    "deduction": (
        "prontoqa.yaml",
        ["pool={kind: deduction, count: 400}", "held_out={kind: deduction, count: 9, seed: 3}"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_run_costs_what_was_reckoned_after_a_probe(case: str, tmp_path: Path) -> None:
    """Within 15%, and never more than was said that it can."""
    name, more = CASES[case]
    size = ["rounds={candidates: 120, batch: 60}", "stop=[{kind: budget, rounds: 2}]", "held_out.count=9"]
    quick = ["train.optimiser.epochs=2", "train.rehearsal.items=40", "budget={tokens: 1000000}"]
    price = ["teacher.price={input: 1, output: 4}"]
    recipe = load_recipe(RECIPES / name, [*size, *quick, *price, *more])
    told = plan(recipe, tmp_path, probe=20)
    distil(recipe, tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        spent = ledger.calls.spent()
    for count in ("calls", "tokens", "input_tokens", "output_tokens"):
        actual = getattr(spent, count)
        assert abs(actual / told["expected"][count] - 1) < 0.15, (count, actual, told["expected"], told["margin"])
        assert actual <= told["at_most"][count]
    assert recipe.teacher.price
    money = recipe.teacher.price.of(spent)
    assert abs(float(money) / float(told["expected"]["money"]) - 1) < 0.15
    assert money <= float(told["at_most"]["money"])


def test_what_caps_leave_is_what_is_expected(recipe: Recipe, tmp_path: Path) -> None:
    capped = recipe.model_copy(update={"budget": Caps(calls=5)})
    told = plan(capped, tmp_path)
    assert told["questions"] == 5
    assert told["expected"]["calls"] == told["at_most"]["calls"] == 5
    distil(capped, tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert ledger.calls.spent().calls == 5


def test_a_plan_in_the_middle_of_a_run_reckons_by_what_was_spent(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        """In the second round, after its training."""

    from elad import loop

    trained = loop._train

    def train(run: Any, turn: Any, new: Any) -> Any:
        if turn.number == 2:
            raise Stop
        return trained(run, turn, new)

    monkeypatch.setattr(loop, "_train", train)
    with pytest.raises(Stop):
        distil(recipe, tmp_path)
    told = plan(recipe, tmp_path)
    assert told["round"] == 2
    assert told["known"] == 6
    assert told["questions"] == 3
    assert told["expected"]["calls"] == 9


def test_a_plan_is_told_in_lines(recipe: Recipe, tmp_path: Path) -> None:
    text = "\n".join(lines(plan(recipe, tmp_path)))
    for part in (
        "from round 1 on: 3 rounds, 9 questions",
        "expected: 9 calls",
        "a guess",
        "at most",
        "asked first",
        "[user]",
    ):
        assert part in text
    probed = "\n".join(lines(plan(recipe, tmp_path, probe=3)))
    assert "after 3 questions)" in probed
    distil(recipe, tmp_path)
    assert list(lines(plan(recipe, tmp_path))) == ["stopped: budget: all 3 rounds are run"]
    assert json.dumps(plan(recipe, tmp_path))


def test_another_recipe_is_refused(recipe: Recipe, minimal_student: Path, tmp_path: Path) -> None:
    plan(recipe, tmp_path)
    with pytest.raises(RunFolderError, match=r"rounds.batch: 3 here, 2 there"):
        plan(small_recipe(minimal_student, rounds={"candidates": 6, "batch": 2, "audit": 0.3}), tmp_path)


def test_reckoning() -> None:
    price = Price.model_validate({"input": 1, "output": 4})
    one, other = (Cost.of(Usage(calls=1, input_tokens=n, output_tokens=n), price) for n in (100, 300))
    both = Cost.mean([one, other])
    assert (both.calls, both.tokens, both.money) == (1, 400, 0.001)
    assert one.plus(other, 2).tokens == 1400
    assert margin([one]) is None
    assert margin([one, one]) == 0
    assert margin([one, other]) == pytest.approx(1.96 * 282.84 / 2**0.5 / 400, rel=1e-3)
    assert affordable(Caps.model_validate({"money": "0.01", "calls": 9}), one, both) == 8
    assert affordable(Caps.model_validate({"money": "0.005", "calls": 9}), one, both) == pytest.approx(4.5)
    told = one.plus(other, 100).told(Caps(tokens=5000), priced=True)
    assert told == {"calls": 101, "input_tokens": 5000, "output_tokens": 5000, "tokens": 5000, "money": "0.150500"}


def test_after_a_plan_the_budget_may_be_another_as_long_as_nothing_is_spent(recipe: Recipe, tmp_path: Path) -> None:
    plan(recipe, tmp_path)
    smaller = recipe.model_copy(update={"budget": Caps(calls=5)})
    assert plan(smaller, tmp_path)["expected"]["calls"] == 5
    distil(smaller, tmp_path)
    with pytest.raises(RunFolderError, match=r"budget.calls: 5 here, 100 there"):
        plan(recipe, tmp_path)


def test_batches_are_reckoned_at_their_discount(minimal_student: Path, tmp_path: Path) -> None:
    price = {"input": 1, "output": 4, "batch": "0.5"}
    money = []
    with SolverEndpoint() as endpoint, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        for mode in ("direct", "batch"):
            how = {"kind": "openai", "model": "m", "base_url": endpoint.url, "mode": mode, "price": price}
            told = plan(small_recipe(minimal_student, teacher=how), tmp_path / mode)
            money.append([float(told[name]["money"]) for name in ("expected", "at_most")])
        assert not endpoint.bodies
    assert money[1] == pytest.approx([half / 2 for half in money[0]], abs=1e-6)


def test_seconds_are_those_of_what_was_done(recipe: Recipe, tmp_path: Path) -> None:
    first = plan(recipe, tmp_path, probe=2)["seconds"]
    assert set(first) == {"training", "attempts", "answers"}
    assert all(seconds >= 0 for seconds in first.values())
    assert set(plan(recipe, tmp_path, probe=2)["seconds"]) == {"training"}, "nothing was done anew"
