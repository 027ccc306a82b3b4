"""The learned selector: what the teacher's verdicts teach of other explanations, on verdicts whose law is known."""

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elad.errors import Interrupted
from elad.evaluate import auroc
from elad.loop import distil
from elad.records import Attempt, Evidence, Explanation, Question, SpanEvidence, Verdict
from elad.select import Diverse, Judged, Learned, StepEntropy
from elad.select.flaws import Flaws
from tests.runs import contents, interrupted_at, small_recipe


def span(entropy: float, margin: float = 0.5) -> SpanEvidence:
    return SpanEvidence(entropy=entropy, peak=entropy, margin=margin, logprob=-entropy, tokens=1)


def attempt(id: int, doubts: list[float], margins: list[float] | None = None, answer: str | None = "7") -> Attempt:
    margins = margins or [0.5] * len(doubts)
    return Attempt(
        question=Question(id=str(id), text=str(id)),
        explanation=Explanation(steps=tuple(f"step {i}" for i in range(len(doubts))), answer=answer),
        evidence=Evidence(
            steps=tuple(map(span, doubts, margins)), answer=span(0.01) if answer else None, sampled=("7", "7")
        ),
    )


def judged(attempt: Attempt, flaw: int | None, audit: bool = False, **of: Any) -> Judged:
    return Judged(attempt, Verdict(first_flaw=flaw, **of), audit)


def pool(count: int, seed: int) -> list[tuple[Attempt, int | None]]:
    """Explanations of three steps, each flawed by the law of its margin; their entropies tell next to nothing."""
    rng, made = random.Random(seed), []
    for id in range(count):
        doubts, margins = [rng.uniform(0.1, 1) for _ in range(3)], [rng.random() for _ in range(3)]
        flaws = [i for i, margin in enumerate(margins) if rng.random() < 1 / (1 + math.exp(20 * (margin - 0.1)))]
        made.append((attempt(id, doubts, margins), flaws[0] if flaws else None))
    return made


def paid_for(many: list[tuple[Attempt, int | None]], audits: int, batch: int) -> list[Judged]:
    """What a run pays for: an audit by lot, and of the rest those that look most flawed."""
    doubtful = sorted(many[audits:], key=lambda one: min(step.margin for step in one[0].evidence.steps))[:batch]
    return [judged(a, flaw, audit=True) for a, flaw in many[:audits]] + [judged(a, flaw) for a, flaw in doubtful]


def test_before_any_verdict_it_is_step_entropy() -> None:
    many = [a for a, _ in pool(40, seed=1)] + [attempt(99, [0.3], answer=None)]
    assert Learned().choose(many, 15, "s") == StepEntropy().choose(many, 15, "s")
    assert Learned().informed([]).choose(many, 15, "s") == StepEntropy().choose(many, 15, "s")
    assert list(Learned().scores) == ["learned"]


def test_it_learns_what_tells_a_flaw_and_where_the_first_is() -> None:
    flaws = Flaws(paid_for(pool(600, seed=2), audits=60, batch=120))
    others = pool(600, seed=3)
    marks = [flaw is not None for _, flaw in others]
    area = auroc([flaws.chance(a) for a, _ in others], marks)
    plain = auroc([StepEntropy().score(a) for a, _ in others], marks)
    assert area is not None
    assert plain is not None
    assert area > 0.8 > 0.6 > plain
    flawed = [(a, flaw) for a, flaw in others if flaw is not None]
    places = [flaws.where(a) for a, _ in flawed]
    assert all(len(chances) == 4 and chances.sum() == pytest.approx(1) for chances in places)
    assert np.mean([chances.argmax() == flaw for chances, (_, flaw) in zip(places, flawed, strict=True)]) > 0.7


def test_how_common_flaws_are_is_learnt_of_audits_alone() -> None:
    many = pool(3000, seed=4)
    share = np.mean([flaw is not None for _, flaw in many])
    paid = paid_for(many, audits=200, batch=300)
    assert np.mean([j.flawed for j in paid]) > share + 0.2, "what is paid for is flawed more often"
    flaws = Flaws(paid)
    chances = [flaws.chance(a) for a, _ in many[:300]]
    assert np.mean(chances) == pytest.approx(share, abs=0.06)
    unaudited = Flaws([Judged(j.attempt, j.verdict, audit=False) for j in paid])
    assert np.mean([unaudited.chance(a) for a, _ in many[:300]]) > share + 0.08


def test_a_few_verdicts_do_not_overturn_that_doubt_tells() -> None:
    many = [attempt(id, [id / 100] * 2) for id in range(1, 100)]
    for paid in (
        [judged(many[-1], 0), judged(many[-9], 0)],
        [judged(many[-1], None), judged(many[-2], None), judged(many[0], 1)],
    ):
        flaws = Flaws(paid)
        assert flaws.chance(many[80]) > flaws.chance(many[20])
    assert Flaws([judged(many[0], 0)]).chance(attempt(200, [0.5], answer=None)) == 1, "without an answer it is flawed"


def test_the_gain_is_the_chance_of_a_flaw_times_the_doubt_where_it_lies() -> None:
    told = Learned().informed(paid_for(pool(300, seed=5), audits=30, batch=60))
    one = attempt(1, [0.2, 0.9, 0.4], [0.9, 0.05, 0.9])
    assert told._flaws is not None
    expected = told._flaws.chance(one) * (told._flaws.where(one) @ [0.2, 0.9, 0.4, 0.01])
    assert told.score(one) == pytest.approx(expected)
    assert set(told.scores) == {"learned", "chance of a flaw"}
    spread = Diverse(of=Learned()).informed(paid_for(pool(300, seed=5), audits=30, batch=60))
    assert spread.score(one) == pytest.approx(expected)
    assert StepEntropy().informed([judged(one, 0)]) == StepEntropy()


def test_where_answers_alone_were_judged_any_step_may_be_flawed() -> None:
    flaws = Flaws([judged(a, flaw, of="answer") for a, flaw in pool(40, seed=6)])
    assert flaws.where(attempt(1, [0.1, 5.0])) == pytest.approx([1 / 3] * 3)


def test_a_run_that_was_interrupted_chooses_the_same(
    minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(minimal_student, select={"kind": "learned", "samples": 1})
    distil(recipe, tmp_path / "one")
    monkeypatch.setattr("elad.loop.evaluate", interrupted_at(3))
    with pytest.raises(Interrupted):
        distil(recipe, tmp_path / "two")
    monkeypatch.undo()
    distil(recipe, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
