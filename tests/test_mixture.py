"""The mixture of domains: DDK's factors are those of the printed equations, and a training draws by them."""

import json
import math
import random
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from elad.errors import InputError, Interrupted
from elad.fit import Ddk, EarlyStopping, Fitted, Interval, Mixture, Optimiser, Perplexities, SoftLabels, Static
from elad.fit.batches import Row
from elad.fit.checkpoint import FILE
from elad.fit.ddk import initial, updated
from elad.fit.fit import fit
from elad.fit.learner import Learner
from elad.fit.mixer import Mixer
from elad.fit.mixture import Shares
from elad.fit.soft_labels import WhiteBox
from elad.folder import Trained
from elad.ledger import Ledger
from elad.loop import distil
from elad.recipe import load_recipe
from elad.records import Explanation, Question
from elad.report import summary
from elad.report.figures import by_round
from elad.student import Example, Student, tiny
from elad.study.curves import points
from elad.train import Sft
from tests.runs import small_recipe
from tests.test_fit import blank, close, weights

pytestmark = pytest.mark.usefixtures("one_thread")

EVEN = {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}
HOW = SoftLabels(model="elsewhere", hard=1.0, soft=0.2, temperature=1.0)


class Leaning(Mixture):
    """Nearly all of one domain, and each time of the next: a part from elsewhere."""

    kind: Literal["tests.test_mixture:Leaning"] = "tests.test_mixture:Leaning"

    def shares(self, natural: Shares, found: Sequence[Perplexities]) -> Shares:
        leans = sorted(natural)[(len(found) - 1) % len(natural)]
        return {name: 0.8 if name == leans else 0.2 / (len(natural) - 1) for name in natural}


def ratios(*gaps: float) -> Perplexities:
    """What was found where a student is so far behind in a, b and c."""
    names = "abc"[: len(gaps)]
    model = {name: 1.5 + n for n, name in enumerate(names)}
    return Perplexities(student={n: gap * model[n] for n, gap in zip(names, gaps, strict=True)}, model=model)


def approx(*shares: float) -> Any:
    return pytest.approx(dict(zip("abc", shares, strict=False)), abs=1e-6)


# -- the equations ---------------------------------------------------------------------------------------------------


def test_the_factors_are_those_of_the_equations() -> None:
    """Worked by hand: e, e^2 and e^3 are 30.192875 together, and so on."""
    first = initial({"a": 1.0, "b": 2.0, "c": 3.0})
    assert first == approx(0.090031, 0.244728, 0.665241)
    # psi = 0.403489, 1.096797, 1.808312, of which 3.308598 in all: 0.121952, 0.331499, 0.546549
    second = updated(first, {"a": 1.5, "b": 1.5, "c": 1.0}, 0.5)
    assert second == approx(0.227642, 0.332416, 0.439941)
    assert updated(first, {"a": 1.5, "b": 1.5, "c": 1.0}, 1.0) == approx(0.121952, 0.331499, 0.546549)
    looks = [ratios(1, 2, 3), ratios(1.5, 1.5, 1), ratios(1, 1.2, 1)]
    assert Ddk().shares(EVEN, looks[:2]) == approx(0.227642, 0.332416, 0.439941)
    assert Ddk().shares(EVEN, looks) == approx(0.272685, 0.355757, 0.371558)
    assert Ddk(alpha=1).shares(EVEN, looks) == approx(0.113613, 0.377209, 0.509178)


def test_differences_of_losses_are_in_fractions() -> None:
    """exp of a difference is the ratio: r0 = 1/6, 2/6, 3/6; psi = 1/6, 2/6, 6/6, which is 1/9, 2/9, 6/9 of 9/6."""
    looks = [ratios(1, 2, 3), ratios(1, 1, 2)]
    assert Ddk(gap="loss_difference", alpha=1).shares(EVEN, looks) == approx(1 / 9, 2 / 9, 6 / 9)
    assert Ddk(gap="loss_difference").shares(EVEN, looks) == approx(2 / 9, 5 / 18, 1 / 2)


def test_the_first_interval_is_drawn_as_the_examples_are() -> None:
    natural = {"a": 0.7, "b": 0.2, "c": 0.1}
    assert Ddk().shares(natural, [ratios(1, 2, 3)]) == natural


def test_a_gap_counts_up_to_the_clip() -> None:
    assert Ddk().gaps(EVEN, ratios(1, 5, 40)) == {"a": 1, "b": 5, "c": 5}
    assert Ddk(gap="loss_difference", clip=1).gaps(EVEN, ratios(1, math.e, 40)) == pytest.approx(
        {"a": 0, "b": 1, "c": 1}
    )
    lost = Perplexities(student={"a": math.nan, "b": math.inf}, model={"a": 1, "b": 1})
    assert Ddk().gaps({"a": 0.5, "b": 0.5}, lost) == {"a": 5, "b": 5}, (
        "a student that has come apart is told so elsewhere"
    )


def test_a_domain_of_which_nothing_is_known_has_the_mean_gap() -> None:
    assert Ddk().gaps(EVEN, ratios(1, 4)) == {"a": 1, "b": 4, "c": 2.5}
    nothing = Perplexities(student={}, model={})
    assert Ddk().shares(EVEN, [nothing, nothing]) == approx(1 / 3, 1 / 3, 1 / 3)


def test_a_single_domain_has_everything() -> None:
    assert Ddk().shares({"a": 1.0}, [ratios(2), ratios(1.5), ratios(900)]) == {"a": 1}


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.5, 1.0])
def test_factors_add_up_to_one_and_stay_above_the_floor(alpha: float) -> None:
    rng = random.Random(1)
    looks = [ratios(*(rng.uniform(0.5, 9) for _ in range(3))) for _ in range(40)]
    for number in range(2, len(looks) + 1):
        shares = Ddk(alpha=alpha).shares({"a": 0.98, "b": 0.01, "c": 0.01}, looks[:number])
        assert sum(shares.values()) == pytest.approx(1)
        assert min(shares.values()) >= (1 - alpha) / 3 - 1e-12
    if alpha == 0:
        assert shares == approx(1 / 3, 1 / 3, 1 / 3)


def test_shares_that_stay() -> None:
    natural = {"a": 0.5, "b": 0.3, "c": 0.2}
    assert Static().shares(natural, []) == approx(1 / 3, 1 / 3, 1 / 3)
    assert Static(of="natural").shares(natural, [ratios(1, 2, 3)]) == natural
    assert Static(weights={"b": 3}).shares(natural, []) == approx(0.2, 0.6, 0.2)
    assert Static(of="natural", weights={"a": 2, "nowhere": 9}).shares(natural, []) == approx(1 / 1.5, 0.2, 0.2 / 1.5)


# -- what is drawn ---------------------------------------------------------------------------------------------------


def rows(**counts: int) -> list[Row]:
    """So many rows of each domain, no two alike."""
    return [Row([ord(name), n // 400, n % 400, 7, 8], 3, name) for name, count in counts.items() for n in range(count)]


def mixer(how: Mixture, of: Sequence[Row], seed: int = 1) -> Mixer:
    optimiser = Optimiser(batch=4, accumulate=4)
    return Mixer(how, of, optimiser, random.Random(seed), Learner(blank(), optimiser), None)


def drawn(how: Mixture, of: Sequence[Row], steps: int, begun: list[Interval] | None = None) -> list[list[int]]:
    return list(islice(mixer(how, of).steps([] if begun is None else begun), steps))


def test_texts_are_drawn_in_the_shares_of_their_interval() -> None:
    of, begun = rows(a=300, b=100, c=20), list[Interval]()
    steps = drawn(Leaning(every=60), of, 180, begun)
    assert [interval.step for interval in begun] == [0, 60, 120]
    assert all(len(step) == 16 for step in steps)
    for number, leans in enumerate("abc"):
        counts = Counter(of[index].domain for step in steps[60 * number : 60 * number + 60] for index in step)
        # of 960 texts the deviation of a share of 0.8 or 0.1 is 0.013 at most
        assert {name: count / 960 for name, count in counts.items()} == pytest.approx(begun[number].shares, abs=0.04)
        assert counts.most_common()[0][0] == leans


def test_a_domain_is_gone_over_in_turn_and_then_again_but_for_what_is_set_aside() -> None:
    of = rows(a=200, b=10)
    counts = Counter(index for step in drawn(Static(every=7, set_aside=0.2), of, 140) for index in step)
    for name, aside in (("a", range(25, 56)), ("b", range(1, 6))):  # of each row by lot, a fifth of them
        times = [count for index, count in counts.items() if of[index].domain == name]
        assert len([row for row in of if row.domain == name]) - len(times) in aside
        assert max(times) - min(times) <= 1


def test_no_more_is_set_aside_than_is_looked_at() -> None:
    of = rows(a=5200, b=9, c=1)
    counts = Counter(of[index].domain for index in {i for step in drawn(Static(), of, 1200) for i in step})
    assert counts["a"] == 4700, "500 at most"
    assert 4 < counts["b"] < 9, "one at least"
    assert counts["c"] == 1, "never the only one"


def test_the_same_is_set_aside_whatever_the_seed_and_what_came_before() -> None:
    of = rows(a=100, b=100)
    aside = [set(range(200)) - {i for s in islice(mixer(Static(), of, n).steps([]), 60) for i in s} for n in (1, 2)]
    assert aside[0] == aside[1]
    more = [*of, *rows(a=300, c=50)[100:]]
    now = {index for step in drawn(Static(), more, 200) for index in step}
    assert set(range(200)) - now == aside[0], "what was learnt is not looked at when there is more of its domain"


def test_what_is_said_of_one_prompt_is_set_aside_together() -> None:
    of = [row._replace(ids=[*row.ids, end]) for row in rows(a=100) for end in (1, 2, 3)]
    learnt = {index for step in drawn(Static(set_aside=0.3), of, 60) for index in step}
    assert 0 < len(learnt) < 300
    assert all(len({3 * n, 3 * n + 1, 3 * n + 2} & learnt) in (0, 3) for n in range(100))
    alone = [row._replace(ids=[*row.ids, end]) for row in rows(a=1) for end in range(9)]
    assert {index for step in drawn(Static(), alone, 3) for index in step} == set(range(9))


def test_a_training_without_a_number_of_steps_goes_over_what_it_may_learn() -> None:
    of = rows(a=100, b=60)
    learnt = {index for step in drawn(Static(), of, 60) for index in step}
    assert 130 < len(learnt) < 160
    assert mixer(Static(), of).total == math.ceil(len(learnt) * 3 / 16)


# -- what is found ---------------------------------------------------------------------------------------------------


def lesson(domain: str, sign: int, count: int) -> list[Example]:
    """Sums, or differences."""
    asked = [(f"{n} {'+' if sign > 0 else '-'} {m}", n + sign * m) for n in range(5, 10) for m in range(5)]
    return [Example(f"Question: {q}\nSteps:\n", f"{q}.\nAnswer: {a}\n", domain) for q, a in asked[:count]]


LESSONS = [*lesson("sums", 1, 20), *lesson("differences", -1, 12), Example("Question: a\nSteps:\n", "Answer: 1\n")]
FEW = Optimiser(learning_rate=0.01, batch=4, steps=21)


def white_box(seed: int = 5, how: SoftLabels = HOW) -> WhiteBox:
    return WhiteBox(Student(*tiny.blank(width=16, layers=2, heads=2, seed=seed), most=12), how)


def taught(how: Mixture | None, optimiser: Optimiser = FEW, **more: Any) -> tuple[Fitted, dict[str, torch.Tensor]]:
    student = blank()
    fitted = fit(student, LESSONS, optimiser, "s", soft=white_box(), mixture=how, **more)
    return fitted, weights(student)


def test_perplexities_are_those_of_what_is_set_aside_before_each_interval_and_in_the_end() -> None:
    student, other = blank(), white_box()

    @torch.no_grad()
    def perplexity(of: Student, rows: Sequence[Row]) -> float:
        total = tokens = 0.0
        for row in rows:
            logits = of.model(input_ids=torch.tensor([row.ids])).logits[0, row.start - 1 : -1]
            total -= float(logits.log_softmax(-1)[range(len(row.learnt)), row.learnt].sum())
            tokens += len(row.learnt)
        return math.exp(total / tokens)

    of = [Row(*student.encode(*example[:2]), example.domain) for example in LESSONS]
    learnt = {index for step in drawn(Static(set_aside=0.3), of, 60) for index in step}
    spared = [row for index, row in enumerate(of) if index not in learnt]
    aside = {name: [row for row in spared if row.domain == name] for name in ("sums", "differences")}
    assert all(0 < len(rows) < 12 for rows in aside.values())
    before = {name: perplexity(student, rows) for name, rows in aside.items()}
    theirs = {name: perplexity(other.source, rows) for name, rows in aside.items()}
    fitted = fit(student, LESSONS, FEW, "s", soft=other, mixture=Ddk(every=10, set_aside=0.3))
    after = {name: perplexity(student, rows) for name, rows in aside.items()}
    assert [interval.step for interval in fitted.mixture] == [0, 10, 20, 21]
    assert fitted.mixture[0].found.student == pytest.approx(before, rel=1e-4)
    assert fitted.mixture[-1].found.student == pytest.approx(after, rel=1e-4)
    assert all(interval.found.model == pytest.approx(theirs, rel=1e-4) for interval in fitted.mixture)
    natural = Counter(of[index].domain or "" for index in learnt)
    assert fitted.mixture[0].shares == pytest.approx({name: n / natural.total() for name, n in natural.items()})
    found = [interval.found for interval in fitted.mixture]
    for number in (1, 2, 3):
        assert fitted.mixture[number].shares == Ddk().shares(fitted.mixture[0].shares, found[: number + 1])


def test_without_soft_labels_shares_that_stay_need_no_model() -> None:
    fitted = fit(blank(), LESSONS, FEW, "s", mixture=Static(every=10))
    assert fitted.steps == 21
    assert all(interval.found.student and not interval.found.model for interval in fitted.mixture)


def test_what_weighs_nothing_is_not_learnt() -> None:
    student = blank()
    of = [Row(*student.encode(*example[:2])) for example in LESSONS[:4]]
    looked_at = white_box(how=HOW.model_copy(update={"soft": 0.0}))
    assert Learner(student, FEW, looked_at).learn(of) == Learner(student, FEW).learn(of)


def test_more_is_learnt_of_what_the_student_is_behind_in() -> None:
    """The other model knows both; the student has read sums, which are most of the examples."""
    knows, student = white_box(), blank()
    teach = Optimiser(learning_rate=0.02, batch=8, steps=80)
    fit(knows.source, LESSONS, teach, "t")
    fit(student, LESSONS[:20], teach, "t")
    some = Optimiser(learning_rate=0.01, batch=8, steps=40)
    fitted = fit(student, LESSONS[:32], some, "s", soft=knows, mixture=Ddk(every=10))
    natural, first, *_ = (interval.shares["differences"] for interval in fitted.mixture)
    found = [interval.found for interval in fitted.mixture]
    behind = [each.student["differences"] / each.model["differences"] for each in found]
    assert natural < 0.4 < 0.7 < first
    assert behind[-1] < behind[0] / 2


# -- going on, and how a step is computed ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, {"early_stopping": EarlyStopping(patience=9)}], ids=str)
def test_an_interrupted_mixture_goes_on_to_the_same_weights_and_factors(tmp_path: Path, how: dict[str, Any]) -> None:
    def run(stop: int | None) -> tuple[Fitted, dict[str, torch.Tensor]]:
        def log(told: dict[str, float], step: int) -> None:
            if step == stop:
                raise Interrupted

        return taught(Ddk(every=5), folder=tmp_path / "t", keep_every=0, log=log, **how)

    fitted, whole = run(None)
    assert len({tuple(interval.shares.values()) for interval in fitted.mixture}) == 6, "the factors moved"
    (tmp_path / "t" / FILE).unlink()
    for stop in (3, 6, 11, 12, 16):  # 6, 11 and 16 were kept where an interval ends
        with pytest.raises(Interrupted):
            run(stop)
    again, resumed = run(None)
    assert again == fitted
    assert all(torch.equal(resumed[name], tensor) for name, tensor in whole.items())


def test_another_mixture_is_not_gone_on_with(tmp_path: Path) -> None:
    def log(told: dict[str, float], step: int) -> None:
        if step == 12:
            raise Interrupted

    whole = taught(Ddk(every=5, alpha=1))
    with pytest.raises(Interrupted):
        taught(Ddk(every=5), folder=tmp_path, keep_every=0, log=log)
    assert close(taught(Ddk(every=5, alpha=1), folder=tmp_path, keep_every=0)[1], whole[1], 0)


@pytest.mark.parametrize("otherwise", [{"batch": 1, "accumulate": 4}, {"packed": True}], ids=str)
def test_how_a_step_is_computed_does_not_change_the_mixture(otherwise: dict[str, Any]) -> None:
    (one, whole), (other, parts) = (taught(Ddk(every=5), FEW.model_copy(update=changes)) for changes in ({}, otherwise))
    assert close(whole, parts, 1e-3)
    for here, there in zip(one.mixture, other.mixture, strict=True):
        assert here.shares == pytest.approx(there.shares, abs=1e-4)


# -- as a recipe says it ---------------------------------------------------------------------------------------------


@pytest.fixture
def lately(tmp_path: Path, minimal_student: Path) -> Any:
    """A recipe whose student learns by DDK, from a model as small as it is."""
    train: dict[str, Any] = {
        "kind": "sft",
        "optimiser": {"steps": 6, "batch": 4},
        "soft_labels": {"model": str(minimal_student), "hard": 1, "soft": 0.2, "temperature": 1},
        "mixture": {"kind": "ddk", "every": 2},
        "rehearsal": {"items": 0},
    }
    pool = {"kind": "arithmetic", "size": "small", "count": 60, "seed": 1, "tiers": {"easy": 1, "middle": 1}}
    return small_recipe(
        minimal_student, pool=pool, train=train, rounds={"candidates": 20, "batch": 20},
        stop=[{"kind": "budget", "rounds": 2}],
    )  # fmt: skip


def test_a_run_tells_its_mixture(lately: Any, recipe: Any, tmp_path: Path) -> None:
    distil(lately, tmp_path / "run")
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        told, rounds = summary(ledger), points(ledger)
        fitted = [trained.fitted for n in (1, 2) if (trained := ledger.traced(n, "train", Trained))]
    assert [round.get("mixture") for round in told["rounds"]] == [round.get("mixture") for round in rounds]
    assert "mixture" not in rounds[0]
    for number, training in enumerate(fitted, start=1):
        assert [look["step"] for look in rounds[number]["mixture"]] == [0, 2, 4, 6]
        for look, interval in zip(rounds[number]["mixture"], training.mixture, strict=True):
            assert look["shares"] == pytest.approx(interval.shares, abs=1e-4)
            assert look["student"].keys() == look["model"].keys() <= {"easy", "middle"}
    assert rounds[1]["domains"].keys() <= {"easy", "middle", "hard"}
    figures = {figure.name: figure for figure in by_round(told, [])}
    shares = [row for row in figures["What was learnt"].rows if row[0] == "easy"]
    assert [row[1] for row in shares] == ["0", "2", "4", "6", "6", "8", "10", "12"]
    assert shares[1][2] == f"{fitted[0].mixture[1].shares['easy']:.1%}"
    assert figures["How far behind"].rows[0][2] == "0.00", "the model is the student itself, before it has learnt"

    distil(recipe, tmp_path / "plain")
    with Ledger(tmp_path / "plain", read_only=True) as ledger:
        told = summary(ledger)
        assert "mixture" not in points(ledger)[-1]
    assert not {figure.name for figure in by_round(told, [])} & {"What was learnt", "How far behind"}


def test_a_question_brings_its_domain_along() -> None:
    question = Question(id="q", text="1 + 1", domain="sums")
    assert blank().example(question, Explanation(steps=("2.",), answer="2")).domain == "sums"


def test_what_is_wrong_with_a_mixture_is_said(tmp_path: Path) -> None:
    def wrong(**train: Any) -> str:
        (tmp_path / "r.yaml").write_text(json.dumps({**recorded, "train": {"kind": "sft", **train}}))
        with pytest.raises(InputError) as told:
            load_recipe(tmp_path / "r.yaml")
        return str(told.value)

    world = {"kind": "arithmetic", "count": 9}
    recorded = {
        "pool": world,
        "held_out": world,
        "teacher": {"kind": "solver", "world": "arithmetic"},
        "budget": {"calls": 9},
    }
    assert "'ddk' compares the student with a white-box model: name it as soft_labels.model" in wrong(
        mixture={"kind": "ddk"}
    )
    assert "train.mixture: there is no kind 'dkd'; did you mean `ddk`?" in wrong(mixture={"kind": "dkd"})
    assert "train.mixture.alfa: there is no such key; did you mean `alpha`?" in wrong(
        mixture={"kind": "ddk", "alfa": 1}
    )
    assert "train.mixture.weights.a" in wrong(mixture={"kind": "static", "weights": {"a": 0}})
    assert "is no elad.fit.mixture.Mixture" in wrong(mixture={"kind": "elad.select:Egss"})


def test_a_mixture_can_come_from_elsewhere(lately: Any, tmp_path: Path) -> None:
    elsewhere = {**lately.train.model_dump(), "mixture": {"kind": "tests.test_mixture:Leaning", "every": 3}}
    (tmp_path / "r.yaml").write_text(json.dumps({**lately.resolved(), "train": elsewhere}))
    train = load_recipe(tmp_path / "r.yaml").train
    assert isinstance(train, Sft)
    assert isinstance(train.mixture, Leaning)
    assert train.mixture.every == 3


def test_a_domain_that_no_example_is_of_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from elad.progress import shown

    with shown(Console()):
        fit(blank(), LESSONS, FEW, "s", mixture=Static(weights={"sums": 2, "sum": 3}))
    assert "no example is of the domain 'sum'" in capsys.readouterr().out


def test_the_recipe_runs(minimal_student: Path, tmp_path: Path) -> None:
    asked = [
        {"question": f"{n} + {n}", "steps": ["so"], "answer": str(2 * n), "domain": "ab"[n % 2]} for n in range(30)
    ]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    quickly = [
        *(f"{source}.path={tmp_path / 'pool.jsonl'}" for source in ("pool", "teacher")),
        "held_out={kind: arithmetic, count: 4}", f"student={{model: {minimal_student}, max_tokens: 6}}",
        f"train.soft_labels.model={minimal_student}", "train.optimiser.steps=30",
        "rounds={candidates: 20, batch: 10}", "stop=[{kind: budget, rounds: 1}]",
    ]  # fmt: skip
    distil(load_recipe(Path(__file__).parent.parent / "recipes" / "ddk.yaml", quickly), tmp_path / "run")
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert [look["step"] for look in points(ledger)[1]["mixture"]] == [0, 20, 30]
