"""The exam: it asks no more than it needs, in the order that was drawn, and what it certifies is so."""

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from elad.answers import same_answer
from elad.budget import Caps
from elad.certify import Wanted, certify
from elad.cli import main
from elad.errors import InputError, RunFolderError
from elad.ledger import Ledger
from elad.loop import distil
from elad.recipe import Recipe
from elad.report import markdown, summary
from elad.student import Student
from elad.sufficiency import LowerBound
from elad.sufficiency.exam import Exam, Look, looks
from elad.teacher import Reply, Request, Solver
from elad.worlds import WORLDS, Arithmetic
from tests.runs import contents, small_recipe


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the shipped student, of whose explanations the teacher accepts about half."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("finished") / "run"
    recipe = small_recipe(
        Path("tiny"),
        pool={"kind": "arithmetic", "size": "small", "count": 120, "seed": 1},
        rounds={"candidates": 30, "batch": 20, "audit": 0.3},
        stop=[{"kind": "budget", "rounds": 1}],
    )
    writes_more = recipe.student.model_copy(update={"max_tokens": 48})
    distil(recipe.model_copy(update={"student": writes_more}), folder)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "run"))


def told(folder: Path) -> dict[str, Any]:
    with Ledger(folder, read_only=True) as ledger:
        return summary(ledger)


def exam_of(folder: Path, number: int = 2) -> tuple[Exam, list[Look]]:
    with Ledger(folder, read_only=True) as ledger:
        exam = ledger.traced(number, "exam", Exam)
        assert exam
        return exam, list(looks(ledger, number))


def audited(folder: Path) -> list[str]:
    return [audit.question for look in exam_of(folder)[1] for audit in look.audits]


def test_an_exam(run: Path) -> None:
    before = told(run)
    found = certify(run, Wanted({"agreement": 0.4, "answers": 0.4}))
    assert found["certified"]
    assert found["needed"] == {"agreement": 0, "answers": 0}
    exam, seen = exam_of(run)
    audits = [audit for look in seen for audit in look.audits]
    assert [audit.question for audit in audits] == list(exam.questions[: len(audits)]), "in the order of the draw"
    assert len(exam.questions) == found["pool"] == found["pooled"] == 100
    assert found["audits"] == found["spent"]["calls"] == len(audits) < 100

    with Ledger(run, read_only=True) as ledger:
        attempts = {attempt.question.id: attempt for attempt in ledger.attempts(2)}
    world = WORLDS["arithmetic"]
    verdicts = {id: world.check(a.question.text, a.explanation).first_flaw is None for id, a in attempts.items()}
    right = {
        id: verdicts[id] or same_answer(a.explanation.answer, world.solve(a.question.text).answer, a.question)
        for id, a in attempts.items()
    }
    for what, truth in (("agreement", verdicts), ("answers", right)):
        assert all(audit.holds[what] == truth[audit.question] for audit in audits)  # type: ignore[index]
        bound = LowerBound(exam.chances[what])  # type: ignore[index]
        for place, audit in enumerate(audits):
            bound.add(place, audit.holds[what])  # type: ignore[index]
        assert found[what]["at_least"] == bound.bound
        assert 0.4 <= bound.bound <= sum(truth.values()) / 100 <= found[what]["at_most"]
    assert len(set(exam.chances["agreement"])) > 50, "foretold by the run's verdicts"

    after = told(run)
    assert after["rounds"] == before["rounds"]
    assert after["stopped"] == before["stopped"]
    assert after["spent"]["calls"] == 20 + len(audits)
    assert after["of_this"]["exam"]["calls"] == len(audits)
    assert after["questions"]["annotated"] == 20 + len(audits)
    assert "asked" not in after["questions"]
    page = markdown(after)
    percent = f"at least {100 * found['agreement']['at_least']:.1f}% of explanations"
    assert f"- certified: {percent} are accepted whole (95% confidence, {len(audits)} audits)" in page
    assert "the student after round 1, on all of the 100 questions" in page
    assert "20% of the budget" in page, "the rounds' part of it"
    assert distil(Recipe.model_validate_json(_recipe(run)), run) == before["stopped"], "and the run is still over"


def _recipe(folder: Path) -> str:
    with Ledger(folder, read_only=True) as ledger:
        return ledger.fact("recipe") or ""


def test_it_goes_on_to_other_targets_as_the_same_exam(run: Path) -> None:
    first = certify(run, Wanted({"agreement": 0.2}))
    before, head = contents(run), audited(run)
    assert certify(run, Wanted({"agreement": 0.2}, confidence=0.95, pool=2000)) == first
    assert contents(run) == before, "what is over is only looked at"
    second = certify(run, Wanted({"agreement": 0.4}))
    assert second["certified"]
    assert audited(run)[: len(head)] == head
    for other in (Wanted({"agreement": 0.2}, confidence=0.9), Wanted({"agreement": 0.2}, pool=50)):
        with pytest.raises(InputError, match="this exam was begun with"):
            certify(run, other)


def test_a_budget_ends_it_and_a_larger_one_goes_on(run: Path, tmp_path: Path) -> None:
    whole = Path(shutil.copytree(run, tmp_path / "whole"))
    there = certify(whole, Wanted({"agreement": 0.4}))
    assert there["audits"] > 10
    ended = certify(run, Wanted({"agreement": 0.4}, budget=Caps(calls=5)))
    assert not ended["certified"]
    assert (ended["audits"], ended["spent"]["calls"]) == (5, 5)
    assert (ended["needed"]["agreement"] or 0) > 0
    assert certify(run, Wanted({"agreement": 0.4}, budget=Caps(calls=5))) == ended
    on = certify(run, Wanted({"agreement": 0.4}, budget=Caps(calls=100)))
    assert on["agreement"]["at_least"] >= 0.4
    assert exam_of(run)[0] == exam_of(whole)[0]


def test_a_run_that_has_spent_its_budget_can_be_certified(minimal_student: Path, tmp_path: Path) -> None:
    distil(small_recipe(minimal_student, budget={"calls": 4}), tmp_path)
    with pytest.raises(InputError, match="Name what it may spend, such as --budget calls=200"):
        certify(tmp_path, Wanted({"agreement": 0.9}))
    with pytest.raises(InputError, match="no price is known"):
        certify(tmp_path, Wanted({"agreement": 0.9}, budget=Caps.model_validate({"money": 1})))
    found = certify(tmp_path, Wanted({"agreement": 0.9}, confidence=0.99, budget=Caps(calls=50)))
    assert found["confidence"] == 0.99, "nothing was settled before it could be held"
    assert found["needed"] == {"agreement": None}
    assert found["agreement"]["right"] == 0
    assert found["agreement"]["at_most"] < 0.9
    assert 0 < found["audits"] < 30, "and no more is bought where nothing is to be hoped"


def test_what_the_teacher_cannot_judge_counts_as_not_accepted(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = Solver.ask

    async def some(solver: Solver, request: Request) -> Reply:
        reply = await ask(solver, request)
        spoilt = len(request.said()["question"]) % 3 == 0
        return reply.model_copy(update={"raw": "I would rather not say."}) if spoilt else reply

    monkeypatch.setattr(Solver, "ask", some)
    found = certify(run, Wanted({"agreement": 0.9}))
    audits = [audit for look in exam_of(run)[1] for audit in look.audits]
    lost = [audit for audit in audits if audit.why]
    assert found["unusable"] == len(lost) > 0
    assert not any(held for audit in lost for held in audit.holds.values())
    assert found["spent"]["calls"] == len(audits) + len(lost), "each was asked for once more"
    assert told(run)["questions"]["unusable"] == len(lost)


def test_what_the_student_cannot_explain_counts_as_not_accepted(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = lambda _, question: "it is too long" if len(question.text) % 2 else None  # noqa: E731
    monkeypatch.setattr(Student, "too_long", short)
    found = certify(run, Wanted({"agreement": 0.9}))
    exam, seen = exam_of(run)
    audits = [audit for look in seen for audit in look.audits]
    lost = [audit for audit in audits if audit.why]
    assert 0 < len(lost) == len(audits) - found["spent"]["calls"], "nobody is asked of them"
    assert {exam.chances["agreement"][exam.questions.index(audit.question)] for audit in lost} == {0.0}
    reasons = {row["reason"] for row in told(run)["set_aside"]}
    assert reasons == {"it is too long"}


def test_where_the_run_compared_answers_the_exam_reads_steps(minimal_student: Path, tmp_path: Path) -> None:
    """And of a huge pool a sample is the exam's."""
    distil(small_recipe(minimal_student, annotate={"kind": "rationale"}), tmp_path)
    found = certify(tmp_path, Wanted({"agreement": 0.5}, pool=20))
    assert (found["pool"], found["pooled"]) == (20, 31)
    with Ledger(tmp_path, read_only=True) as ledger:
        asked = [Request.model_validate_json(call.request) for call in ledger.calls.of(4)]
        page = markdown(summary(ledger))
    assert "on 20, drawn uniformly, of the 31 questions" in page
    assert len(asked) == found["audits"]
    assert all(request.shows_explanation for request in asked)


def test_what_cannot_be_examined_is_told(run: Path, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run folder"):
        certify(tmp_path / "nowhere", Wanted({"agreement": 0.9}))
    with Ledger(run), pytest.raises(RunFolderError, match="in use by another process"):
        certify(run, Wanted({"agreement": 0.9}))
    for folder, pool, rounds in ((tmp_path / "begun", 40, 3), (tmp_path / "emptied", 6, 9)):
        content = {**recipe.resolved(), "pool": {"kind": "arithmetic", "size": "small", "count": pool, "seed": 1}}
        content["stop"] = [{"kind": "budget", "rounds": rounds}]

        def stop(_: Ledger, pool: int = pool) -> None:
            if pool == 40:
                raise InputError("enough for now")

        with suppress(InputError):
            distil(Recipe.model_validate(content), folder, stop)
    with pytest.raises(InputError, match="has not stopped"):
        certify(tmp_path / "begun", Wanted({"agreement": 0.9}))
    with pytest.raises(InputError, match="no question is left for an exam"):
        certify(tmp_path / "emptied", Wanted({"agreement": 0.9}))


def test_a_teacher_that_compares_answers_can_not_examine_explanations(minimal_student: Path, tmp_path: Path) -> None:
    world = Arithmetic(size="small", count=44, seed=1)
    rows = [{"id": q.id, "question": q.text, "answer": q.answer, "steps": q.steps} for q in world.questions()]
    (tmp_path / "told.jsonl").write_text("\n".join(map(json.dumps, rows)))
    teacher = {"kind": "recorded", "path": str(tmp_path / "told.jsonl")}
    distil(small_recipe(minimal_student, teacher=teacher), tmp_path / "run")
    with pytest.raises(InputError, match="compares answers"):
        certify(tmp_path / "run", Wanted({"agreement": 0.5}))


def test_at_the_command_line(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def elad(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["elad", "certify", str(run), *args])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    code, said, news = elad("--agreement", "0.3", "--budget", "calls=3")
    assert code == 6
    assert "3 audits: agreement at least" in news
    assert "agreement of 0.3: not certified: about" in said
    code, said, _ = elad("--agreement", "0.3", "--json")
    assert code == 0
    assert json.loads(said)["targets"] == {"agreement": 0.3}
    assert json.loads(said)["agreement"]["at_least"] >= 0.3
    assert "agreement of 0.3: certified" in elad("--agreement", "0.3", "--answers", "0.1")[1]
    code, said, _ = elad("--agreement", "0.99")
    assert code == 6
    assert "agreement of 0.99: not certified, and not to be expected: it is at most" in said
    for wrong in ((), ("--answers", "1.5"), ("--agreement", "0.3", "--budget", "pence=3")):
        assert elad(*wrong)[0] == 2
