"""Whole runs on a student that trains in a second."""

import json
import pickle
import shutil
import socket
from collections import Counter
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pytest

from elad.annotate import Bought
from elad.budget import Usage
from elad.errors import InputError, Interrupted, RunFolderError
from elad.evaluate import Scores
from elad.fit.checkpoint import Checkpoint
from elad.folder import Trained
from elad.ledger import Ledger
from elad.loop import distil
from elad.records import Attempt
from elad.report import annotations, markdown, summary
from elad.select import Choice, Selector
from elad.student import Student, tiny, weights_digest
from tests.runs import contents, interrupted_at, small_recipe


def run(student: Path, folder: Path, **changes: Any) -> str:
    return distil(small_recipe(student, **changes), folder)


def told(folder: Path) -> dict[str, Any]:
    with Ledger(folder, read_only=True) as ledger:
        return summary(ledger)


def test_a_run_ends_for_a_stated_reason_with_a_student_and_counts_that_add_up(
    minimal_student: Path, tmp_path: Path
) -> None:
    assert run(minimal_student, tmp_path) == "budget: all 3 rounds are run"
    story = told(tmp_path)
    assert story["questions"] == {"pooled": 31, "annotated": 9, "held out": 4}
    assert [r["asked"] for r in story["rounds"]] == [0, 3, 3, 3]
    assert story["spent"]["calls"] == 9
    assert {p.name for p in (tmp_path / "students").iterdir()} == {"01", "02", "03"}
    assert "| 3 |" in markdown(story)
    with Ledger(tmp_path, read_only=True) as ledger:
        bought = annotations(ledger)
        assert len({a.question.id for a in bought}) == 9
        assert all(len(a.authors) == len(a.target.steps) for a in bought)
        assert sum(a.audit for a in bought) == 3


def test_a_run_opens_no_connection_and_leaves_no_pickle(
    minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*address: object) -> None:
        raise AssertionError(f"a connection to {address}")

    for door in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, door, refuse)
    monkeypatch.setattr(pickle, "dumps", refuse)
    monkeypatch.setattr(pickle, "dump", refuse)
    run(minimal_student, tmp_path)
    left = {file.suffix for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {"", ".json", ".safetensors", ".sqlite", ".yaml"}


def test_same_recipe_same_seed_same_everything(minimal_student: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        run(minimal_student, tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    run(minimal_student, tmp_path / "third", seed=1)
    assert contents(tmp_path / "one")["traces"] != contents(tmp_path / "third")["traces"]


def test_a_run_from_before_a_field_was_there_goes_on(minimal_student: Path, tmp_path: Path) -> None:
    reason = run(minimal_student, tmp_path)
    with Ledger(tmp_path) as ledger:
        for name in ("recipe", "course"):
            told = json.loads(ledger.fact(name) or "")
            assert told["pool"].pop("zipf") == 1.5
            ledger.state_fact(name, json.dumps(told))
    assert run(minimal_student, tmp_path) == reason
    pool = {"kind": "arithmetic", "size": "small", "count": 40, "seed": 1, "zipf": 2.0}
    with pytest.raises(RunFolderError, match=r"pool\.zipf: 1\.5 here, 2\.0 there"):
        run(minimal_student, tmp_path, pool=pool)


@pytest.mark.parametrize(
    "select",
    [
        {"kind": "random"}, {"kind": "entropy"}, {"kind": "step_entropy", "over": "max"},
        {"kind": "self_consistency", "samples": 2}, {"kind": "egss", "intra": "removal", "samples": 1},
        {"kind": "egss", "intra": "rebuild", "samples": 1, "rebuilds": 1},
    ],
    ids=lambda s: f"{s['kind']} {s.get('intra', '')}",
)  # fmt: skip
@pytest.mark.parametrize("annotate", ["rationale", "revise"])
def test_every_selector_with_every_annotator(
    minimal_student: Path, tmp_path: Path, select: dict[str, Any], annotate: str
) -> None:
    """On an untrained student, which writes nothing that can be parsed."""
    stop = [{"kind": "budget", "rounds": 1}]
    run(minimal_student, tmp_path, select=select, annotate={"kind": annotate}, stop=stop)
    assert told(tmp_path)["rounds"][1]["asked"] == 3


@pytest.mark.parametrize("cap", [{"calls": 5}, {"output_tokens": 600}, {"tokens": 1500}])
def test_the_budget_ends_it_and_is_not_exceeded(minimal_student: Path, tmp_path: Path, cap: dict[str, int]) -> None:
    teacher = {"kind": "solver", "world": "arithmetic", "max_output_tokens": 400}
    reason = run(minimal_student, tmp_path, budget=cap, teacher=teacher, stop=[])
    assert reason == "budget: no cap has room for another call"
    story = told(tmp_path)
    spent = Usage(**{k: v for k, v in story["spent"].items() if k != "tokens"})
    assert all(
        {"calls": spent.calls, "output_tokens": spent.output_tokens, "tokens": spent.tokens}[k] <= v
        for k, v in cap.items()
    )
    assert story["questions"]["annotated"] == spent.calls > 0
    assert sum(story["questions"].values()) == 44
    assert set(story["questions"]) == {"pooled", "annotated", "held out"}, "what was not asked is back in the pool"


def test_no_round_begins_without_room_for_a_call(minimal_student: Path, tmp_path: Path) -> None:
    assert run(minimal_student, tmp_path, budget={"calls": 6}, stop=[]) == "budget: no cap has room for another call"
    assert [round["asked"] for round in told(tmp_path)["rounds"]] == [0, 3, 3]


def test_money_is_capped_by_the_recipes_price(minimal_student: Path, tmp_path: Path) -> None:
    teacher = {
        "kind": "solver",
        "world": "arithmetic",
        "price": {"input": "1", "output": "4"},
        "max_output_tokens": 100,
    }
    run(minimal_student, tmp_path, budget={"money": "0.002"}, teacher=teacher, stop=[])
    assert 0.001 < float(told(tmp_path)["spent"]["money"]) <= 0.002


def test_a_pool_smaller_than_a_batch_is_used_up(minimal_student: Path, tmp_path: Path) -> None:
    reason = run(
        minimal_student, tmp_path, pool={"kind": "arithmetic", "size": "small", "count": 4, "seed": 1}, stop=[]
    )
    assert reason == "pool: no question is left to ask about"
    story = told(tmp_path)
    assert story["questions"] == {"annotated": 4, "held out": 4}
    assert [round["asked"] for round in story["rounds"]] == [0, 3, 1], "no round without a question"


def test_a_question_too_long_for_the_student_is_set_aside_unpaid(minimal_student: Path, tmp_path: Path) -> None:
    def file(name: str, item: str) -> dict[str, str]:
        short = f"Mia has 2 {item}. Mia finds 1 {item}. How many {item} does Mia have?"
        long = f"Mia has 2 {item}. " * 400 + short
        rows = [{"id": f"{name}-{len(text)}", "question": text, "answer": "3"} for text in (short, long)]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return {"kind": "file", "path": str(path)}

    run(minimal_student, tmp_path / "run", pool=file("pool", "coins"), held_out=file("held", "pens"), stop=[])
    story = told(tmp_path / "run")
    assert story["questions"] == {"unusable": 1, "annotated": 1, "held out": 2}
    assert "too long for the student" in story["set_aside"][0]["reason"]
    assert story["spent"]["calls"] == 1
    assert story["rounds"][-1]["accuracy"]["overall"]["total"] == 2, "a held-out question that is too long counts"


def test_what_the_teacher_can_not_answer_is_unusable_with_its_reason(minimal_student: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps({"id": f"q{n}", "question": f"Why {n}?"}) + "\n" for n in range(5)))
    run(minimal_student, tmp_path / "run", pool={"kind": "file", "path": str(pool)}, stop=[])
    story = told(tmp_path / "run")
    assert story["questions"] == {"unusable": 5, "held out": 4}
    assert "not a question of the arithmetic world" in story["set_aside"][0]["reason"]


class Watching(Selector):
    """Records what it is shown, and takes the last."""

    kind: Literal["tests.test_loop:Watching"] = "tests.test_loop:Watching"

    def score(self, attempt: Attempt) -> float:
        assert attempt.question.id
        return 0.0


def test_the_audit_is_the_head_of_a_uniform_draw_whatever_the_selector_wants(
    minimal_student: Path, tmp_path: Path
) -> None:
    run(minimal_student, tmp_path, select={"kind": "tests.test_loop:Watching"})
    with Ledger(tmp_path, read_only=True) as ledger:
        for number in (1, 2, 3):
            attempts = list(ledger.attempts(number))
            choice = ledger.traced(number, "select", Choice)
            bought = ledger.traced(number, "annotate", Bought)
            assert choice
            assert bought
            assert choice.audited == (attempts[0].question.id,)
            assert Counter(a.question.id for a in bought.annotations if a.audit) == Counter(choice.audited)
            assert set(choice.selected).isdisjoint(choice.audited)


def test_evaluation_never_reads_the_pools_answers(minimal_student: Path, tmp_path: Path) -> None:
    """A pool without answers gives the same run as one with them."""
    from elad.worlds import Arithmetic

    world = Arithmetic(size="small", count=12, seed=1)
    for name in ("with", "without"):
        rows: list[dict[str, Any]] = [{"id": q.id, "question": q.text, "domain": q.domain} for q in world.questions()]
        if name == "with":
            rows = [{**row, "answer": "0", "steps": ["wrong"]} for row in rows]
        file = tmp_path / "pool.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        run(minimal_student, tmp_path / name, pool={"kind": "file", "path": str(file)})
    with Ledger(tmp_path / "with", read_only=True) as one, Ledger(tmp_path / "without", read_only=True) as other:
        for number in range(4):
            assert one.traced(number, "evaluate", Scores) == other.traced(number, "evaluate", Scores)
    assert (tmp_path / "with/students/03/model.safetensors").read_bytes() == (
        tmp_path / "without/students/03/model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize(
    "train", [{}, {"lora": {"rank": 2}}, {"start": "base"}, {"start": "base", "lora": {"rank": 2}}], ids=str
)
def test_a_training_that_was_interrupted_goes_on_to_the_same_student(
    minimal_student: Path, tmp_path: Path, train: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "lora" in train:
        pytest.importorskip("peft", reason="LoRA needs the lora extra")
    how = {"kind": "sft", "keep_every": 0, "optimiser": {"batch": 2, "learning_rate": 0.01}, **train}
    recipe = small_recipe(minimal_student, train=how)
    distil(recipe, tmp_path / "one")
    keep, kept = Checkpoint.keep, 0

    def interrupted(self: Checkpoint, *state: Any) -> None:
        nonlocal kept
        keep(self, *state)
        kept += 1
        if kept % 3 == 0:
            raise Interrupted

    monkeypatch.setattr(Checkpoint, "keep", interrupted)
    for _ in range(20):
        with suppress(Interrupted):
            distil(recipe, tmp_path / "two")
            break
    assert kept > 6, "it was interrupted in more than one round"
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    for number in ("01", "02", "03"):
        one, two = (tmp_path / name / "students" / number for name in ("one", "two"))
        assert weights_digest(one) == weights_digest(two)
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}


def test_from_the_base_a_round_learns_all_annotations_anew(minimal_student: Path, tmp_path: Path) -> None:
    told = {}
    for start in ("last", "base"):
        recipe = small_recipe(minimal_student, train={"kind": "sft", "start": start, "rehearsal": {"items": 0}})
        distil(recipe, tmp_path / start)
        with Ledger(tmp_path / start, read_only=True) as ledger:
            told[start] = [ledger.traced(n, "train", Trained) for n in (1, 2)]
    assert told["last"][0] == told["base"][0], "in the first round there is no difference"
    assert told["last"][1] != told["base"][1]
    first, second = told["base"]
    assert first
    assert second
    assert second.fitted.tokens > first.fitted.tokens, "the first round's are among them"


@pytest.mark.parametrize(
    ("train", "told"),
    [
        ({"lora": {"targets": "nonsense"}}, r"train.lora.targets"),
        ({"lora": {"targets": "["}}, r"train.lora.targets"),
        ({"frozen": ["layers.0"]}, r"train.frozen: 'layers.0' matches none"),
        ({"report_to": "wandb"}, r"train.report_to: wandb is not installed"),
    ],
    ids=str,
)
def test_what_can_not_be_trained_is_told_before_anything_is_paid(
    minimal_student: Path, tmp_path: Path, train: dict[str, Any], told: str
) -> None:
    if "lora" in train:
        pytest.importorskip("peft", reason="LoRA needs the lora extra")
    if "report_to" in train and find_spec("wandb"):
        pytest.skip("wandb is installed")
    with pytest.raises(InputError, match=told):
        distil(small_recipe(minimal_student, train={"kind": "sft", **train}), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert ledger.calls.spent() == Usage()


def test_a_base_that_was_changed_is_refused_before_anything_is_paid(
    minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft", reason="LoRA needs the lora extra")
    base = tmp_path / "base"
    shutil.copytree(minimal_student, base)
    recipe = small_recipe(base, train={"kind": "sft", "lora": {"rank": 2}})
    monkeypatch.setattr("elad.loop.evaluate", interrupted_at(2))
    with pytest.raises(Interrupted):
        distil(recipe, tmp_path / "run")
    monkeypatch.undo()
    Student(*tiny.blank(width=16, layers=1, heads=2, seed=9)).save(base)
    with pytest.raises(RunFolderError, match="its base is not what the run began with"):
        distil(recipe, tmp_path / "run")
    Student.load("tiny").save(base)
    with pytest.raises(InputError, match=r"do not fit beside student\.model"):
        distil(recipe, tmp_path / "run")
