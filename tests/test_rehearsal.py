"""Rehearsal prevents forgetting; the mixture is what it says."""

import json
from pathlib import Path
from typing import Any

import pytest

from elad.errors import InputError
from elad.evaluate import evaluate
from elad.fit import Optimiser
from elad.layout import PLAIN
from elad.records import Annotation, Attempt, Evidence, Explanation, Needs, Question, SpanEvidence, Verdict
from elad.student import Student
from elad.text import question_digest
from elad.train import Rehearsal, Sft
from elad.worlds import Arithmetic
from tests.runs import turn_of


def annotation(question: Question) -> Annotation:
    gold = Explanation(steps=question.steps, answer=question.answer)
    return Annotation(
        question=question, attempt=gold, verdict=Verdict(first_flaw=None), target=gold,
        authors=("teacher",) * len(gold.steps), audit=False, calls=(),
    )  # fmt: skip


def attempt(question: Question, entropy: float, answer: str | None = "1") -> Attempt:
    span = SpanEvidence(entropy=entropy, peak=entropy, margin=0.5, logprob=-1, tokens=1)
    return Attempt(
        question=question, explanation=Explanation(steps=("s",), answer=answer), evidence=Evidence(steps=(span,))
    )


STUDENT = Student.load("tiny")
QUESTIONS = list(Arithmetic(size="small", count=12).questions())


def test_what_is_rehearsed() -> None:
    attempts = [attempt(q, n) for n, q in enumerate(QUESTIONS)] + [attempt(Question(id="x", text="x"), 0, answer=None)]
    turn = turn_of(STUDENT, attempts, earlier=[annotation(Question(id="old", text="old"))])
    new = [annotation(QUESTIONS[0])]
    rehearsed = [example.prompt for example in Rehearsal(surest=0.4).examples(turn, new)]
    assert rehearsed == [PLAIN.asked(Question(id="old", text="old")), *(PLAIN.asked(q) for q in QUESTIONS[1:5])]
    assert len(Rehearsal(items=3).examples(turn, new)) == 3
    assert len(Rehearsal(items=0).examples(turn, new)) == 1, "what was paid for is always gone over"


def test_a_file_is_rehearsed_first_without_what_is_held_out_or_paid_for(tmp_path: Path) -> None:
    held_out, paid, known = QUESTIONS[1:4]
    file = tmp_path / "known.jsonl"
    rows = [{"question": q.text, "steps": q.steps, "answer": q.answer} for q in (held_out, paid, known)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rehearsal = Rehearsal.model_validate({"file": {"path": str(file)}})
    turn = turn_of(STUDENT, [attempt(QUESTIONS[0], 0.1)], held_out=frozenset({question_digest(held_out)}))
    assert [example.prompt for example in rehearsal.examples(turn, [annotation(paid)])] == [PLAIN.asked(known)]


def test_a_file_that_can_not_be_rehearsed_is_told(tmp_path: Path) -> None:
    file = tmp_path / "known.jsonl"
    file.write_text('{"question": "known", "steps": ["a"], "answer": "b"}\n{"question": "no answer"}\n')
    part = Sft.model_validate({"rehearsal": {"file": {"path": str(file)}}})
    with pytest.raises(InputError, match=r"known.jsonl:2: it has no steps or no answer"):
        part.ready()


def test_a_lesson_of_nothing_changes_nothing(tmp_path: Path) -> None:
    student = Student.load("tiny")
    before = {name: t.clone() for name, t in student.model.state_dict().items()}
    assert Sft().train(turn_of(student, [attempt(QUESTIONS[0], 0.1)], folder=tmp_path), []).steps == 0
    assert all(t.equal(before[name]) for name, t in student.model.state_dict().items())


def test_without_rehearsal_the_easy_tier_is_forgotten_and_with_it_it_is_not(tmp_path: Path) -> None:
    """The trial that rehearsal was made for: about 120 steps on 48 annotations of the hard tier."""
    common = Arithmetic(size="small", wordings="common", operations=(1, 2))
    hard = [annotation(q) for q in questions(common, tiers={"hard": 1}, count=48, seed=31)]
    easy = questions(common, tiers={"easy": 1}, count=100, seed=33)
    pool = questions(common, count=600, seed=32)
    after = {}
    for items, epochs in ((0, 40), (300, 6)):
        student = Student.load("tiny", most=48)
        before = evaluate(student, easy).answers.overall.share
        turn = turn_of(student, student.attempt(pool, Needs(), "s"), folder=tmp_path)
        optimiser = Optimiser(learning_rate=1e-3, batch=16, epochs=epochs)
        Sft(optimiser=optimiser, rehearsal=Rehearsal(items=items)).train(turn, hard)
        after[items] = evaluate(student, easy).answers.overall.share
    assert before > 0.9
    assert after[0] < before - 0.15
    assert after[300] > before - 0.05


def questions(world: Arithmetic, **changes: Any) -> list[Question]:
    return list(world.model_copy(update=changes).questions())
