"""People judge the teacher: what they are shown, and what their word is worth."""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from elad.annotate import Bought, Revise
from elad.budget import Caps
from elad.errors import InputError
from elad.evaluate import Score, Scores, Tally
from elad.ledger import Ledger
from elad.people import Claim, People, Task
from elad.records import Annotation, Attempt, Evidence, Explanation, Question, Verdict
from elad.review import GROUP, among_people, figures, sample
from elad.sufficiency import corrected, exact_interval
from elad.teacher import Desk, Solver
from elad.teacher.human import checked
from elad.worlds import WORLDS, Arithmetic

NOTHING = Tally(overall=Score(right=0, total=0), domains={})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "run") as ledger:
        yield ledger


@pytest.fixture
def people(ledger: Ledger) -> Iterator[People]:
    with People(ledger.folder) as people:
        yield people


def annotation(
    id: str, flaw: int | None = None, *, audit: bool = True, of: Literal["steps", "answer"] = "steps"
) -> Annotation:
    return Annotation(
        question=Question(id=id, text=f"What is {id}?", choices=("4", "5"), answer="the gold answer"),
        attempt=Explanation(steps=(f"{id} is 2 + 2.", "2 + 2 = 4."), answer="4"),
        verdict=Verdict(first_flaw=flaw, why="the teacher's reason", of=of),
        target=Explanation(steps=("the teacher's step",), answer="the teacher's answer"),
        authors=("teacher",), audit=audit,
    )  # fmt: skip


def finish(ledger: Ledger, number: int, annotations: Sequence[Annotation], *, evaluated: bool = True) -> None:
    ledger.trace(number, "annotate", Bought, lambda: Bought(annotations=tuple(annotations), unusable={}, unasked=()))
    if evaluated:
        ledger.trace(number, "evaluate", Scores, lambda: Scores(answers=NOTHING, steps=NOTHING))


def judge(people: People, person: str, flaws: dict[str, int | None]) -> None:
    """Say of all that a person is shown where the first flaw is, counted from 0."""
    while claim := people.claim(person, GROUP):
        flaw = flaws[claim.task.key]
        reply = checked(claim.task, {"flaw": None if flaw is None else flaw + 1})
        people.answer(person, claim.task.key, reply, claim.version)


def test_audited_explanations_are_drawn_and_nothing_else(ledger: Ledger, people: People) -> None:
    finish(ledger, 1, [annotation("a"), annotation("b", audit=False)])
    finish(ledger, 2, [annotation("c", 1), annotation("d", of="answer")])
    finish(ledger, 3, [annotation("e")], evaluated=False)
    assert sample(ledger, people, 10) == 2
    assert {task.key for task in people.tasks(GROUP)} == {"review/a", "review/c"}
    assert {(task.form, task.wanted) for task in people.tasks(GROUP)} == {("judge", 2)}


def test_people_see_neither_the_teachers_word_nor_the_gold_answer(ledger: Ledger, people: People) -> None:
    finish(ledger, 1, [annotation("a", 1)])
    sample(ledger, people, 1)
    [task] = people.tasks(GROUP)
    assert task.content == {
        "question": "What is a?",
        "choices": ["4", "5"],
        "steps": ["a is 2 + 2.", "2 + 2 = 4."],
        "answer": "4",
    }


def test_a_larger_sample_adds_to_the_smaller(ledger: Ledger, people: People, tmp_path: Path) -> None:
    finish(ledger, 1, [annotation(str(n)) for n in range(20)])
    assert sample(ledger, people, 5, each=1) == 5
    first = people.tasks(GROUP)
    assert sample(ledger, people, 5, each=1) == 5
    assert people.tasks(GROUP) == first
    assert sample(ledger, people, 12, each=1) == 12
    assert people.tasks(GROUP)[:5] == first
    assert sample(ledger, people, 3, each=1) == 12, "what people were asked stays"
    with People(tmp_path) as others:
        sample(ledger, others, 12, each=1)
        assert {task.key for task in others.tasks(GROUP)} == {task.key for task in people.tasks(GROUP)}
    finish(ledger, 2, [annotation(str(n)) for n in range(20, 40)])
    assert sample(ledger, people, 15, each=3) == 15
    assert {task.wanted for task in people.tasks(GROUP)} == {3}


def test_every_explanation_is_as_likely_to_be_drawn(ledger: Ledger, tmp_path: Path) -> None:
    finish(ledger, 1, [annotation(str(n)) for n in range(10)])
    drawn: Counter[str] = Counter()
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with People(folder) as people:
            sample(ledger, people, 5, seed=seed)
            drawn.update(task.key for task in people.tasks(GROUP))
    assert sum(drawn.values()) == 300
    assert all(15 < count < 45 for count in drawn.values()), "30 are expected, give or take 4"
    assert len(drawn) == 10


def test_without_judged_steps_there_is_nothing_to_review(ledger: Ledger, people: People) -> None:
    finish(ledger, 1, [annotation("a", of="answer"), annotation("b", audit=False)])
    with pytest.raises(InputError, match="no audited explanations yet whose steps the teacher has judged"):
        sample(ledger, people, 5)
    review = figures(ledger, people)
    assert (review.drawn, review.judged) == (0, 0)
    assert (review.sound.low, review.sound.high, review.sound.estimate) == (0, 1, None)
    assert review.with_teacher.kappa is None


def test_most_people_decide_and_of_equally_many_those_who_see_a_flaw(ledger: Ledger, people: People) -> None:
    said: dict[str, list[int | None]] = {
        "a": [None, None, 1, None],  # sound
        "b": [None, None, 1, 1],  # as many
        "c": [0, 1, 1, None],
        "d": [1, 0, None, None],  # as many, and the flaws too
    }
    word = {"a": None, "b": 1, "c": 1, "d": 0}
    finish(ledger, 1, [annotation(id, flaw) for id, flaw in word.items()])
    sample(ledger, people, 4, each=4)
    for n, person in enumerate(["Ann", "Bob", "Cem", "Dee"]):
        judge(people, person, {f"review/{id}": flaws[n] for id, flaws in said.items()})
    review = figures(ledger, people)
    assert review.with_teacher.same_flaw == Score(right=4, total=4)
    assert review.sound.accepted == Score(right=1, total=1)
    assert review.sound.rejected == Score(right=0, total=3)
    assert review.among_people.same_flaw == Score(right=2, total=4), "of the first two: a and b"


def test_the_teachers_errors_are_counted_over_all_rounds_and_its_verdicts_over_the_last(
    ledger: Ledger, people: People
) -> None:
    finish(ledger, 1, [annotation(f"old {n}", 0) for n in range(4)])
    finish(ledger, 2, [annotation(f"new {n}", None if n < 6 else 0) for n in range(8)])
    sample(ledger, people, 12, each=1)
    sound = {"old 0", "new 0", "new 1", "new 2"}
    ids = [f"old {n}" for n in range(4)] + [f"new {n}" for n in range(8)]
    judge(people, "Ann", {f"review/{id}": None if id in sound else 0 for id in ids})
    found = figures(ledger, people)
    assert (found.drawn, found.judged) == (12, 12)
    assert found.by_people == Score(right=3, total=8)
    assert found.sound.audit == Score(right=6, total=8)
    assert found.sound.accepted == Score(right=3, total=6)
    assert found.sound.rejected == Score(right=1, total=6)
    assert found.sound.estimate == pytest.approx(6 / 8 * 3 / 6 + 2 / 8 * 1 / 6)
    assert found.with_teacher.same_soundness == Score(right=8, total=12)


def claims(*pairs: tuple[int | None, int | None]) -> list[Claim]:
    said = {"steps": ["a", "b"], "answer": "c"}
    tasks = [Task(key=str(n), group="g", form="judge", content={"question": str(n), **said}) for n in range(len(pairs))]
    return [
        Claim(
            task=task, person=person, draft={}, version=1, reply=json.dumps({"flaw": flaw}), seconds=0, handed_in=False
        )
        for task, pair in zip(tasks, pairs, strict=True)
        for person, flaw in zip(("Bob", "Ann"), pair, strict=True)
    ]


def test_kappa_is_as_in_the_textbooks() -> None:
    """20 times both yes, 15 times both no, 5 and 10 times one of them: 0.4."""
    both = among_people(claims(*[(None, None)] * 20, *[(1, 2)] * 15, *[(None, 1)] * 5, *[(1, None)] * 10))
    assert both.kappa == pytest.approx(0.4)
    assert both.same_soundness == Score(right=35, total=50)
    assert both.same_flaw == Score(right=20, total=50)
    assert among_people(claims((None, None), (None, None))).kappa is None, "they could not have differed"
    assert among_people(claims((None, 1), (1, None))).kappa == pytest.approx(-1)


def test_where_a_rationale_was_written_nothing_was_judged() -> None:
    rationale = Task(key="k", group="round 1", form="rationale", content={"question": "?"}, wanted=2)
    reply = json.dumps({"steps": ["a"], "answer": "b"})
    how = {"task": rationale, "draft": {}, "version": 1, "reply": reply, "seconds": 0, "handed_in": True}
    both = among_people([Claim.model_validate({"person": person, **how}) for person in ("Ann", "Bob")])
    assert both.same_flaw.total == 0


def test_with_all_reviewed_the_estimate_is_the_truth(ledger: Ledger, people: People) -> None:
    """A teacher that errs, and people who do not."""
    world = Arithmetic(size="small", count=40)
    attempts = [
        Attempt(
            question=question,
            explanation=Explanation(steps=question.steps, answer=question.answer if n % 3 else "0"),
            evidence=Evidence(steps=()),
        )
        for n, question in enumerate(world.questions())
    ]
    truth = {
        f"review/{a.question.id}": WORLDS["arithmetic"].check(a.question.text, a.explanation).first_flaw
        for a in attempts
    }
    desk = Desk(Solver(world="arithmetic", error_rate=0.4), ledger, Caps(calls=100))
    bought = Revise().annotate(desk, 1, attempts, frozenset(a.question.id for a in attempts))
    finish(ledger, 1, bought.annotations)
    sample(ledger, people, 40, each=1)
    judge(people, "Ann", truth)
    review = figures(ledger, people)
    errors = sum(a.verdict.first_flaw != truth[f"review/{a.question.id}"] for a in bought.annotations)
    assert review.with_teacher.same_flaw == Score(right=40 - errors, total=40)
    assert errors > 5
    assert review.sound.estimate == pytest.approx(sum(flaw is None for flaw in truth.values()) / 40)
    assert review.sound.audit.share != pytest.approx(review.sound.estimate), "the teacher alone would mislead"


def test_the_correction_by_hand() -> None:
    audit, accepted, rejected = Score(right=80, total=100), Score(right=18, total=20), Score(right=1, total=10)
    found = corrected(audit, accepted, rejected)
    assert found.estimate == pytest.approx(0.8 * 0.9 + 0.2 * 0.1)
    p, a, r = (exact_interval(score, 1 - 0.05 / 3) for score in (audit, accepted, rejected))
    assert found.low == pytest.approx(p[0] * a[0] + (1 - p[0]) * r[0])
    assert found.high == pytest.approx(p[1] * a[1] + (1 - p[1]) * r[1])
    upside_down = corrected(audit, rejected, accepted)
    assert upside_down.low == pytest.approx(p[1] * r[0] + (1 - p[1]) * a[0]), "more accepted means fewer sound"


def test_what_was_not_reviewed_may_be_anything() -> None:
    audit, none, some = Score(right=80, total=100), Score(right=0, total=0), Score(right=18, total=20)
    assert corrected(audit, none, none).model_dump(include={"estimate", "low", "high"}) == {
        "estimate": None, "low": 0, "high": 1,
    }  # fmt: skip
    half = corrected(audit, some, none)
    p, a = exact_interval(audit, 1 - 0.05 / 3), exact_interval(some, 1 - 0.05 / 3)
    assert half.estimate is None
    assert half.low == pytest.approx(p[0] * a[0])
    assert half.high == pytest.approx(p[0] * a[1] + 1 - p[0])
    assert corrected(Score(right=9, total=9), some, none).estimate == pytest.approx(0.9), "none was rejected"


@pytest.mark.parametrize(
    ("p", "a", "r", "audited", "reviewed"),
    [(0.7, 0.9, 0.2, 50, 30), (0.95, 0.8, 0.5, 40, 40), (0.5, 0.99, 0.01, 60, 20), (0.3, 0.5, 0.5, 20, 5)],
)
def test_the_interval_covers_the_truth_as_often_as_it_says(
    p: float, a: float, r: float, audited: int, reviewed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    interval = cache(exact_interval)  # the same few again and again
    monkeypatch.setattr(sys.modules["elad.sufficiency.corrected"], "exact_interval", interval)
    dice = np.random.default_rng(1)
    runs = 2000
    kept = dice.binomial(audited, p, runs)
    seen = dice.hypergeometric(kept, audited - kept, reviewed)
    sound, overlooked = dice.binomial(seen, a), dice.binomial(reviewed - seen, r)
    truth = p * a + (1 - p) * r
    missed = misled = 0
    for k, n, good, bad in zip(*(column.tolist() for column in (kept, seen, sound, overlooked)), strict=True):
        audit = Score(right=k, total=audited)
        found = corrected(audit, Score(right=good, total=n), Score(right=bad, total=reviewed - n))
        missed += not found.low <= truth <= found.high
        low, high = interval(audit)
        misled += not low <= truth <= high
    assert missed <= 0.05 * runs
    if abs(truth - p) > 0.15:
        assert misled > 0.05 * runs, "the teacher's word alone does not hold what its interval says"
