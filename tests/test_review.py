"""People judge the teacher: what they are shown, and what their word is worth."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pytest

from elad.annotate import Bought, Revise
from elad.budget import Caps
from elad.cli import looks
from elad.errors import InputError
from elad.evaluate import Score, Scores, Tally
from elad.ledger import Ledger
from elad.people import FILE, Claim, Counts, People, Task
from elad.records import Annotation, Attempt, Evidence, Explanation, Question, Verdict
from elad.review import Audit, Review, among_people, figures, last_audit, review, sample
from elad.sufficiency import exact_interval
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


def drawn(ledger: Ledger, people: People, count: int, each: int = 1, seed: int = 0) -> list[str]:
    """Which explanations people are to judge, once so many were drawn of the last round's."""
    return [task.key for task in sample(last_audit(ledger), people, count, each, seed)]


def found(ledger: Ledger, people: People) -> Review:
    review = figures(ledger, people)
    assert review
    return review


def judge(people: People, person: str, flaws: dict[str, int | None]) -> None:
    """Say of all that a person is shown where the first flaw is, counted from 0."""
    while claim := people.claim(person):
        flaw = flaws[claim.task.key]
        reply = checked(claim.task, {"flaw": None if flaw is None else flaw + 1})
        people.answer(person, claim.task.key, reply, claim.version)


def test_audited_explanations_of_the_last_round_are_drawn_and_nothing_else(ledger: Ledger, people: People) -> None:
    finish(ledger, 1, [annotation("a")])
    finish(ledger, 2, [annotation("b"), annotation("c", audit=False), annotation("d", 1), annotation("e", of="answer")])
    finish(ledger, 3, [annotation("f")], evaluated=False)
    assert set(drawn(ledger, people, 10)) == {"review/b", "review/d"}
    assert {(task.form, task.wanted) for task in people.tasks("review of round 2")} == {("judge", 1)}
    assert not people.groups()["review of round 2"].awaited, "nobody has to hand it in"


def test_people_see_neither_the_teachers_word_nor_the_gold_answer(ledger: Ledger, people: People) -> None:
    finish(ledger, 1, [annotation("a", 1)])
    [task] = sample(last_audit(ledger), people, 1)
    assert task.content == {
        "question": "What is a?",
        "choices": ["4", "5"],
        "steps": ["a is 2 + 2.", "2 + 2 = 4."],
        "answer": "4",
    }


def test_a_larger_sample_adds_to_the_smaller(ledger: Ledger, people: People, tmp_path: Path) -> None:
    finish(ledger, 1, [annotation(str(n)) for n in range(20)])
    first = drawn(ledger, people, 5)
    assert len(first) == 5
    assert drawn(ledger, people, 5) == first
    more = drawn(ledger, people, 12)
    assert (len(more), more[:5]) == (12, first)
    assert drawn(ledger, people, 3) == more, "what people were asked stays"
    with People(tmp_path) as others:
        assert drawn(ledger, others, 12) == more
    assert drawn(ledger, people, 15, each=3)[:12] == more
    assert {task.wanted for task in people.tasks("review of round 1")} == {3}
    finish(ledger, 2, [annotation(str(n)) for n in range(20, 40)])
    assert {int(key.removeprefix("review/")) >= 20 for key in drawn(ledger, people, 5)} == {True}, "another round's own"
    assert len(people.tasks("review of round 2")) == 5


def test_every_explanation_is_as_likely_to_be_drawn_also_later(ledger: Ledger, tmp_path: Path) -> None:
    """Whatever was drawn of a round before, and after it of this one; and as likely to be judged first."""
    finish(ledger, 1, [annotation(f"old {n}") for n in range(10)])
    before = last_audit(ledger)
    finish(ledger, 2, [annotation(str(n)) for n in range(10)])
    times: Counter[str] = Counter()
    first: Counter[str] = Counter()
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with People(folder) as people:
            sample(before, people, 8, seed=seed)
            first.update(drawn(ledger, people, 3, seed=seed))
            times.update(drawn(ledger, people, 5, seed=seed + 60))
    assert sum(times.values()) == 300
    assert len(times) == len(first) == 10
    assert all(15 < count < 45 for count in times.values()), "30 are expected, give or take 4"
    assert all(8 <= count <= 28 for count in first.values()), "18 are expected, give or take 4"


def test_without_judged_steps_there_is_nothing_to_review(ledger: Ledger) -> None:
    finish(ledger, 1, [annotation("a", of="answer"), annotation("b", audit=False)])
    with pytest.raises(InputError, match="no audited explanations yet whose steps the teacher has judged"):
        looks.review(ledger.folder)
    assert not (ledger.folder / FILE).exists(), "nobody was asked anything"


def test_most_people_decide_and_of_equally_many_those_who_see_a_flaw(ledger: Ledger, people: People) -> None:
    said: dict[str, list[int | None]] = {
        "a": [None, None, 1, None],  # sound
        "b": [None, None, 1, 1],  # as many
        "c": [0, 1, 1, None],
        "d": [1, 0, None, None],  # as many, and the flaws too
    }
    word = {"a": None, "b": 1, "c": 1, "d": 0}
    finish(ledger, 1, [annotation(id, flaw) for id, flaw in word.items()])
    drawn(ledger, people, 4, each=4)
    for n, person in enumerate(["Ann", "Bob", "Cem", "Dee"]):
        judge(people, person, {f"review/{id}": flaws[n] for id, flaws in said.items()})
    review = found(ledger, people)
    assert review.with_teacher.same_flaw == Score(right=4, total=4)
    assert review.sound == review.accepted == Score(right=1, total=4)
    assert review.among_people.same_flaw == Score(right=2, total=4), "of the first two: a and b"


def test_of_the_last_round_that_was_reviewed_and_of_no_other(ledger: Ledger, people: People) -> None:
    finish(ledger, 1, [annotation(f"old {n}", 0) for n in range(4)])
    assert figures(ledger, people) is None
    drawn(ledger, people, 4)
    judge(people, "Ann", {f"review/old {n}": None if n == 0 else 0 for n in range(4)})
    drawn(ledger, people, 4, each=2)
    finish(ledger, 2, [annotation(f"new {n}", None if n < 6 else 0) for n in range(8)])
    review = found(ledger, people)
    assert (review.round, review.audited, review.drawn) == (1, 4, 4)
    assert (review.sound, review.accepted) == (Score(right=1, total=4), Score(right=0, total=4))
    drawn(ledger, people, 6)
    assert found(ledger, people).sound == Score(right=0, total=0), "it is begun anew"
    assert people.groups()["review of round 1"].wanted == people.groups()["review of round 1"].answered == 4
    drawn(ledger, people, 8)
    judge(people, "Ann", {f"review/new {n}": None if n < 3 else 0 for n in range(8)})
    review = found(ledger, people)
    assert (review.round, review.audited, review.drawn) == (2, 8, 8)
    assert (review.sound, review.accepted) == (Score(right=3, total=8), Score(right=6, total=8))
    assert review.with_teacher.same_soundness == Score(right=5, total=8)


def claims(*pairs: tuple[int | None, int | None]) -> list[Claim]:
    said = {"steps": ["a", "b"], "answer": "c"}
    tasks = [Task(key=str(n), group="g", form="judge", content={"question": str(n), **said}) for n in range(len(pairs))]
    return [
        Claim(task=task, person=person, draft={}, version=1, reply=json.dumps({"flaw": flaw}), handed_in=False)
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
    how = {"task": rationale, "draft": {}, "version": 1, "reply": reply, "handed_in": True}
    both = among_people([Claim.model_validate({"person": person, **how}) for person in ("Ann", "Bob")])
    assert both.same_flaw.total == 0


def test_what_people_find_is_the_truth_where_the_teacher_misleads(ledger: Ledger, people: People) -> None:
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
    drawn(ledger, people, 40)
    judge(people, "Ann", truth)
    review = found(ledger, people)
    errors = sum(a.verdict.first_flaw != truth[f"review/{a.question.id}"] for a in bought.annotations)
    assert review.with_teacher.same_flaw == Score(right=40 - errors, total=40)
    assert errors > 5
    assert review.sound == Score(right=sum(flaw is None for flaw in truth.values()), total=40)
    assert review.accepted == Score(right=sum(a.verdict.first_flaw is None for a in bought.annotations), total=40)
    assert review.accepted != review.sound


class Truthful:
    """People who are right about everything that they are asked, as far as a review asks them."""

    def __init__(self, truth: dict[str, int | None]) -> None:
        self.truth = truth
        self.asked: list[Task] = []

    def groups(self) -> dict[str, Counts]:
        return {}

    def put(self, tasks: Iterable[Task]) -> None:
        self.asked += [task for task in tasks if task not in self.asked]

    def tasks(self, group: str) -> list[Task]:
        return [task for task in self.asked if task.group == group]

    def answered(self, group: str) -> list[Claim]:
        return [
            Claim(task=task, person="Ann", draft={}, version=1, reply=REPLIES[self.truth[task.key]], handed_in=False)
            for task in self.tasks(group)
        ]


REPLIES = {None: json.dumps({"flaw": None}), 0: json.dumps({"flaw": 1})}


@pytest.mark.parametrize(
    ("sensitivity", "false_acceptance", "soundness"),
    [(0.95, 0.2, (0.3, 0.6, 0.9)), (0.8, 0.5, (0.2, 0.5, 0.6)), (1.0, 0.9, (0.1, 0.3, 0.5))],
)
def test_the_interval_covers_the_truth_as_often_as_it_says_while_the_student_improves(
    sensitivity: float, false_acceptance: float, soundness: tuple[float, ...]
) -> None:
    """40 audited explanations a round, of which people judge 10, and then 20, while the student gets better."""
    dice = np.random.default_rng(1)
    interval, made = cache(exact_interval), cache(annotation)
    runs, missed, misled, estimates = 600, 0, 0, 0.0
    for run in range(runs):
        truth: dict[str, int | None] = {}
        people = cast(People, Truthful(truth))
        for number, share in enumerate(soundness, start=1):
            sound = dice.random(40) < share
            accepted = dice.random(40) < np.where(sound, sensitivity, false_acceptance)
            names = [f"{number} {n}" for n in range(40)]
            truth.update({name: None if holds else 0 for name, holds in zip(names, sound, strict=True)})
            verdicts = {name: made(name, None if said else 0) for name, said in zip(names, accepted, strict=True)}
            for count in (10, 20):
                sample(Audit(number, verdicts), people, count, seed=run)
        found = review(Audit(number, verdicts), people)
        low, high = interval(found.sound)
        missed += not low <= share <= high
        low, high = interval(found.accepted)
        misled += not low <= share <= high
        estimates += found.sound.share / runs
    assert missed <= 0.05 * runs
    assert estimates == pytest.approx(share, abs=0.015)
    if false_acceptance > 0.2:
        assert misled > 0.05 * runs, "the teacher's word alone does not hold what its interval says"
