"""The recipes that users would start from, on the real question files, with tiny students of the same architecture."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from elad import doctor
from elad.errors import InputError
from elad.layout import Layout
from elad.ledger import Ledger
from elad.loop import distil
from elad.machine import Device
from elad.recipe import Recipe, load_recipe
from elad.report import summary
from elad.rows import rows_of
from elad.student import Student
from tests.models import chat_student

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("ELAD_DATA", ROOT.parent / "shared" / "data"))
STARTERS = {"gsm8k": "gsm8k.jsonl.gz", "commonsense": "palm_cqa.jsonl.gz", "strategyqa": "strategyqa.jsonl.gz"}
QUICKLY = [
    "rounds={candidates: 12, batch: 6, audit: 0.4}",
    "select={kind: egss, samples: 1}",
    "student.max_tokens=16",
    "train.optimiser.epochs=1",
    "train.rehearsal.items=4",
    "stop=[{kind: budget, rounds: 1}]",
]
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the shared data sets are not at {DATA} (set ELAD_DATA)")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [row for name in STARTERS.values() for _, row in rows_of(DATA / name)][::200]
    texts = [f"{row['question']} {' '.join(row['steps'])}\n" for row in rows if not isinstance(row, str)]
    return chat_student(tmp_path_factory.mktemp("qwen"), texts)


def starter(name: str, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> Recipe:
    monkeypatch.setenv("ELAD_DATA", str(DATA))
    return load_recipe(ROOT / "recipes" / f"{name}.yaml", list(overrides))


@needs_data
@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_recipe_runs(name: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("peft", reason="LoRA needs the lora extra")
    recipe = starter(name, monkeypatch, f"student.model={model}", *QUICKLY)
    recipe = recipe.model_copy(update={"held_out": _few(recipe.held_out, tmp_path)})
    distil(recipe, tmp_path / "run")
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        told = summary(ledger)
        assert json.loads(ledger.fact("made with") or "{}")["chat template"]
    assert told["questions"]["annotated"] > 0
    assert told["rounds"][-1]["accuracy"]["overall"]["total"] == 5
    student = tmp_path / "run" / "students" / "01"
    assert (student / "adapter_model.safetensors").is_file()
    taught = Student.load(model, most=16, layout=recipe.student.layout, trained=student)
    assert taught.prompts.chats
    asked = taught.prompts.of(next(row for _, row in recipe.pool.rows() if not isinstance(row, str)))
    assert asked.startswith("<|im_start|>user\n")
    assert recipe.student.layout.answer.replace("{answer}", "...") in asked


def _few(source: Any, folder: Path) -> Any:
    """Five of the held-out questions."""
    rows = [row for _, row in source.rows() if not isinstance(row, str)][:5]
    file = folder / "held_out.jsonl"
    lines = [{"id": r.id, "question": r.text, "choices": r.choices, "answer": r.answer} for r in rows]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return type(source)(path=file, answers=source.answers)


@needs_data
def test_pool_and_held_out_share_no_question_where_they_share_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("commonsense", "strategyqa"):
        recipe = starter(name, monkeypatch)
        pool, held_out = (
            {row.text for _, row in s.rows() if not isinstance(row, str)} for s in (recipe.pool, recipe.held_out)
        )
        assert not pool & held_out
        tenths = len(recipe.held_out.tenths)  # type: ignore[union-attr]
        assert len(held_out) == pytest.approx(tenths / 10 * (len(pool) + len(held_out)), rel=0.15)


def test_where_there_is_no_hub_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"hf download Qwen/Qwen2.5-0.5B-Instruct --local-dir FOLDER.*student.model="):
        starter("gsm8k", monkeypatch).student.load()


@needs_data
def test_the_doctor_finds_nothing_to_mend(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(doctor.recipe(starter("gsm8k", monkeypatch, f"student.model={model}")))
    assert not [finding for finding in found if finding.verdict == "mend"]
    told = {finding.about: finding.told for finding in found}
    assert "through its chat template" in told["student"]
    assert "texts at a time" in told["scoring"]
    assert told["training"] == "this student can be trained so"
    assert "8 are asked for" in told["training memory"]


def test_the_doctor_says_what_to_change(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    served = {**recipe.student.model_dump(), "served": {"command": "no-such-server {model} {port}"}}
    broken = {
        **recipe.resolved(),
        "student": served,
        "teacher": {"kind": "recorded", "path": "/nowhere.jsonl"},
        "held_out": {"kind": "file", "path": "/nowhere.jsonl"},
    }
    found = list(doctor.recipe(Recipe.model_validate(broken)))
    mend = {finding.about: finding.told for finding in found if finding.verdict == "mend"}
    assert set(mend) == {"teacher: recorded", "held_out", "student.served"}
    assert "no command 'no-such-server'" in mend["student.served"]

    def scarce(memory: int) -> str:
        monkeypatch.setattr(doctor, "device", lambda _: Device("small", memory, False))
        return next(finding.told for finding in doctor.recipe(recipe) if finding.about == "training memory")

    assert "Set train.optimiser.batch=" in scarce(2_000_000)
    assert "Try train.lora={rank: 16}" in scarce(10_000)


def test_the_doctor_goes_on_where_a_template_is_broken(recipe: Recipe) -> None:
    broken = recipe.student.model_copy(update={"layout": Layout(template="{{ raise_exception('no') }}")})
    found = list(doctor.recipe(recipe.model_copy(update={"student": broken})))
    assert [finding.about for finding in found if finding.verdict == "mend"] == ["student"]
    assert "chat template can't be used (no)" in found[-1].told


def test_the_doctor_at_the_command_line(tmp_path: Path) -> None:
    def elad(*args: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "elad", "doctor", *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    whole = elad("recipes/elad.yaml")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "ok    versions: python 3." in whole.stdout
    sick = elad("recipes/elad.yaml", "student.model=/nowhere", "--json")
    assert sick.returncode == 2
    assert [finding for finding in json.loads(sick.stdout) if finding["verdict"] == "mend"]
    assert elad(tmp_path / "none.yaml").returncode == 2
