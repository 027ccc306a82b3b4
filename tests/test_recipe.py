from pathlib import Path
from typing import Literal

import pytest
import yaml

from elad.errors import InputError
from elad.recipe import Recipe, differences, load_recipe
from elad.records import Attempt
from elad.select import Diverse, Egss, Random, Selector, StepEntropy
from elad.sufficiency import BudgetSpent, Value
from elad.train import Rehearsal, Sft

GOOD = """\
name: mine
pool: {kind: arithmetic, count: 10}
held_out: {kind: arithmetic, count: 5, seed: 2}
teacher:
  kind: solver
  world: arithmetic
budget:
  tokens: 5000
select:
  kind: egss
  samples: 3
"""


class Longest(Selector):
    """A selector from outside the package."""

    kind: Literal["tests.test_recipe:Longest"] = "tests.test_recipe:Longest"
    weight: float = 1.0

    def score(self, attempt: Attempt) -> float:
        return self.weight * len(attempt.explanation.steps)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(GOOD)
    return file


def complaint(file: Path, old: str, new: str) -> str:
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError) as caught:
        load_recipe(file)
    return str(caught.value)


def test_a_good_recipe_loads_with_defaults(good: Path) -> None:
    recipe = load_recipe(good)
    assert recipe.select == Egss(samples=3)
    assert recipe.annotate.kind == "revise"
    assert any(isinstance(rule, BudgetSpent) for rule in recipe.stop)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("samples: 3", "sampels: 3", 11, "select.sampels: there is no such key; did you mean `samples`?"),
        ("kind: egss", "kind: egs", 9, "select: there is no kind 'egs'; did you mean `egss`?"),
        ("kind: solver\n", "", 4, "teacher: it needs a `kind`"),
        (
            "world: arithmetic\n",
            "world: aritmetic\n",
            6,
            "teacher.world: 'aritmetic' is not valid; did you mean `arithmetic`?",
        ),
        ("tokens: 5000", "tokens: many", 8, "budget.tokens: Input should be a valid integer"),
        ("tokens: 5000", "tokens: -1", 8, "budget.tokens: Input should be greater than or equal to 0"),
        ("budget:", "bugdet:", 7, "bugdet: there is no such key; did you mean `budget`?"),
        ("count: 10", "cuont: 10", 2, "pool.cuont: there is no such key; did you mean `count`?"),
        ("  tokens: 5000", "  money: 1", 8, "teacher.price is missing: a price is never guessed"),
        (
            "select:",
            "stop:\n  - {kind: value, price: 2}\nselect:",
            10,
            "stop.0 (value) reckons in money, but teacher.price",
        ),
        ("select:", "stop:\n  - {kind: value}\nselect:", 10, "stop.0.price: it is needed and is missing"),
        (
            "select:",
            "stop:\n  - kind: value\n    price: 0\nselect:",
            11,
            "stop.0.price: Input should be greater than 0",
        ),
        (
            "select:",
            "stop:\n  - kind: value\n    price: 9\n    unit: token\nselect:",
            12,
            "stop.0.unit: 'token' is not valid; did you mean `tokens`?",
        ),
        ("kind: egss", "kind: nowhere.at_all:Thing", 9, "can't be imported"),
        ("kind: egss", "kind: tests.test_recipe:GOOD", 9, "is no elad.select"),
        ("kind: egss\n  samples: 3", "kind: tests.test_recipe:Longest\n  wieght: 3", 11, "select.wieght"),
        (
            "kind: egss\n  samples: 3",
            "kind: diverse\n  of:\n    kind: step_entropy\n    ovr: max",
            13,
            "select.of.ovr: there is no such key; did you mean `over`?",
        ),
        (
            "kind: egss\n  samples: 3",
            "kind: diverse\n  of: {kind: entrpy}",
            11,
            "select.of: there is no kind 'entrpy'; did you mean `entropy`?",
        ),
        ("kind: egss\n  samples: 3", "kind: diverse\n  of: {samples: 3}", 11, "select.of: it needs a `kind`"),
        ("kind: egss\n  samples: 3", "kind: diverse\n  among: 0", 11, "select.among: Input should be greater"),
        (
            "kind: egss\n  samples: 3",
            "kind: diverse\n  of:\n    kind: tests.test_recipe:GOOD",
            11,
            "select.of: kind 'tests.test_recipe:GOOD' is no elad.select",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(good: Path, old: str, new: str, line: int, said: str) -> None:
    told = complaint(good, old, new)
    assert said in told
    assert f"mine.yaml:{line}: " in told


def test_a_point_may_be_worth_so_many_tokens_where_they_have_no_price(good: Path) -> None:
    recipe = load_recipe(good, ["stop=[{kind: value, price: 5000, unit: tokens}]"])
    assert recipe.stop == (Value(price=5000, unit="tokens"), BudgetSpent())
    priced = load_recipe(good, ["stop=[{kind: value, price: 2}]", "teacher.price={input: 1, output: 2}"])
    assert priced.stop == (Value(price=2), BudgetSpent())


def test_every_mistake_is_told_at_once(good: Path) -> None:
    told = complaint(good, "tokens: 5000\nselect:", "tokens: x\n  calls: y\nselect:")
    assert len(told.splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "said"), [("- a\n- b", "is a mapping"), ("a: [", "is not YAML"), ("", "is a mapping")]
)
def test_a_file_that_is_no_recipe_is_told(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        load_recipe(file)
    with pytest.raises(InputError, match="can't be read"):
        load_recipe(tmp_path / "missing.yaml")


def test_overrides_go_over_the_file(good: Path) -> None:
    recipe = load_recipe(
        good,
        [
            "budget.tokens=7",
            "select.kind=random",
            "rounds.batch=4",
            "stop=[{kind: budget, rounds: 2}]",
            "stop.0.rounds=3",
        ],
    )
    assert recipe.budget.tokens == 7
    assert recipe.select == Random()
    assert recipe.rounds.batch == 4
    assert recipe.stop == (BudgetSpent(rounds=3),)


def test_a_kind_goes_before_its_keys_and_may_be_the_default(good: Path) -> None:
    recipe = load_recipe(good, ["select.over=max", "select.kind=step_entropy", "train.rehearsal.items=7"])
    assert recipe.select == StepEntropy(over="max")
    assert recipe.train == Sft(rehearsal=Rehearsal(items=7))


def test_a_key_that_stands_twice_is_told(good: Path) -> None:
    good.write_text(GOOD + "\nname: again\n")
    with pytest.raises(InputError, match=r":\d+: `name` stands here for the second time"):
        load_recipe(good)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("budget.tokens", "is no override"),
        ("=3", "is no override"),
        ("name.first=x", "has no key 'first'"),
        ("stop.9.rounds=1", "an index below"),
        ("stop.first.rounds=1", "an index below"),
        ("select={", "is not YAML"),
        ("budget.tokns=7", "budget.tokns: there is no such key"),
        ("pool={kind: deduction, count: 0}", "pool.count: "),
        ("pool={kind: arithmetic, tiers: {easy: 0}}", "pool.tiers: should be weights"),
        ("rounds=5", "rounds: expected keys with values, got 5"),
        ("name=../elsewhere", "name: "),
        ("select.kind=.x:Y", "can't be imported"),
        ("stop.0={kind: agreement, target: 0.9}", "agreement can't reach 90%"),
    ],
)
def test_a_wrong_override_is_told(good: Path, override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_recipe(good, ["stop=[{kind: budget}]", override])


def test_a_part_of_another_package_is_a_part(good: Path) -> None:
    good.write_text(GOOD.replace("kind: egss\n  samples: 3", "kind: tests.test_recipe:Longest\n  weight: 2"))
    recipe = load_recipe(good)
    assert isinstance(recipe.select, Longest)
    assert recipe.select.weight == 2
    again = Recipe.model_validate(recipe.resolved())
    assert again.fingerprint() == recipe.fingerprint()


def test_a_selector_stands_over_another(good: Path) -> None:
    over = "kind: diverse\n  among: 3\n  of: {kind: tests.test_recipe:Longest, weight: 2}"
    good.write_text(GOOD.replace("kind: egss\n  samples: 3", over))
    recipe = load_recipe(good)
    assert isinstance(recipe.select, Diverse)
    assert recipe.select.of.model_dump() == {"kind": "tests.test_recipe:Longest", "weight": 2}
    assert Recipe.model_validate(recipe.resolved()).fingerprint() == recipe.fingerprint()
    overridden = load_recipe(good, ["select.of.over=max", "select.of.kind=step_entropy", "select.kind=diverse"])
    assert overridden.select == Diverse(among=3, of=StepEntropy(over="max"))
    good.write_text(GOOD)
    inside_out = load_recipe(good, ["select.of.kind=step_entropy", "select.kind=diverse"])
    assert inside_out.select == Diverse(of=StepEntropy()), "the outer kind goes first, in whatever order they stand"
    assert load_recipe(good, ["select.kind=diverse"]).select == Diverse(of=Egss())


def test_the_resolved_recipe_runs_again(good: Path, tmp_path: Path) -> None:
    recipe = load_recipe(good)
    copy = tmp_path / "copy.yaml"
    copy.write_text(recipe.as_yaml())
    assert load_recipe(copy).fingerprint() == recipe.fingerprint()


def test_the_environment_fills_in(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good.write_text(GOOD.replace("name: mine", "name: ${ELAD_TEST_NAME:-nobody}"))
    assert load_recipe(good).name == "nobody"
    monkeypatch.setenv("ELAD_TEST_NAME", "somebody")
    assert load_recipe(good).name == "somebody"
    good.write_text(GOOD.replace("name: mine", "name: ${ELAD_TEST_UNSET}"))
    with pytest.raises(InputError, match="ELAD_TEST_UNSET"):
        load_recipe(good)


def test_differences_are_named(good: Path) -> None:
    one, other = load_recipe(good).resolved(), load_recipe(good, ["budget.tokens=1", "seed=3"]).resolved()
    assert differences(one, other) == ["budget.tokens: 5000 here, 1 there", "seed: 0 here, 3 there"]


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parent.parent / "recipes").glob("*.yaml")), ids=lambda f: f.stem
)
def test_the_recipes_of_the_repository_load(file: Path) -> None:
    assert load_recipe(file).name
    assert isinstance(yaml.safe_load(load_recipe(file).as_yaml()), dict)
