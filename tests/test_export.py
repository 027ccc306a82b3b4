"""What is exported: loads in others' tools and answers the same, with a card that tells how it came about."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer

from elad.errors import InputError
from elad.evaluate import evaluate
from elad.export import export, push
from elad.layout import PLAIN
from elad.ledger import Ledger
from elad.loop import distil
from elad.student import Student, StudentSource
from elad.worlds import Arithmetic
from tests.models import chat_student, student
from tests.runs import small_recipe

pytestmark = pytest.mark.usefixtures("one_thread")

ASKED = list(Arithmetic(size="small", count=24, seed=77, tiers={"easy": 1, "middle": 1, "hard": 1}).questions())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the shipped student, all weights trained."""
    return finished(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def adapted_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with low-rank updates."""
    pytest.importorskip("peft", reason="LoRA needs the lora extra")
    return finished(tmp_path_factory.mktemp("adapted") / "run", lora={"rank": 4})


def finished(folder: Path, model: str = "tiny", **train: Any) -> Path:
    teacher = {"kind": "solver", "world": "arithmetic", "name": "a patient friend"}
    optimiser = {"epochs": 4, "batch": 8, "learning_rate": 2e-3}
    changes = {
        "teacher": teacher,
        "train": {"kind": "sft", "optimiser": optimiser, **train},
        "stop": [{"kind": "budget", "rounds": 2}],
    }
    recipe = small_recipe(Path("tiny"), **changes)
    distil(recipe.model_copy(update={"student": StudentSource(model=model, max_tokens=48)}), folder)
    return folder


def exported(run: Path, out: Path, **how: Any) -> Path:
    with Ledger(run, read_only=True) as ledger:
        export(ledger, out, **how)
    return out


def answers(model: Any, folder: Path) -> list[str]:
    """What `generate` writes, as anybody would call it."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    said = []
    for question in ASKED:
        ids = tokenizer(PLAIN.asked(question), return_tensors="pt")["input_ids"]
        out = model.generate(input_ids=ids)
        said.append(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    return said


def ours(run: Path) -> list[str]:
    with Ledger(run, read_only=True) as ledger:
        last = Student.load("tiny", most=48, device="cpu", trained=ledger.folder / "students" / "02")
    return last.complete([PLAIN.asked(question) for question in ASKED])


def test_it_answers_the_same_in_transformers(run: Path, tmp_path: Path) -> None:
    out = exported(run, tmp_path / "out")
    assert answers(AutoModelForCausalLM.from_pretrained(out), out) == ours(run)


def test_it_writes_as_its_run_did_whatever_its_base_was_set_to(tmp_path: Path) -> None:
    base = Student.load("tiny")
    base.save(tmp_path / "base")
    odd = {"do_sample": True, "min_p": 0.1, "temperature": 2.0, "num_beams": 2, "repetition_penalty": 1.5}
    (tmp_path / "base" / "generation_config.json").write_text(json.dumps(odd))
    run = finished(tmp_path / "run", str(tmp_path / "base"))
    out = exported(run, tmp_path / "out")
    assert answers(AutoModelForCausalLM.from_pretrained(out), out) == ours(run)
    assert not list(tmp_path.glob(".*")), "no draft is left behind"


@pytest.mark.parametrize("name", ["T5", "Qwen2, in turns"])
def test_the_code_of_the_card_fits_the_student(name: str, tmp_path: Path) -> None:
    if name == "T5":
        student("T5").save(tmp_path / "base")
    else:
        chat_student(tmp_path / "base", ["How many wheels have three cars?"])
    out = exported(finished(tmp_path / "run", str(tmp_path / "base")), tmp_path / "out")
    run_code(out)


def run_code(out: Path) -> str:
    """What the code of the card prints."""
    code = (out / "README.md").read_text().split("```python\n")[1].split("```")[0]
    done = subprocess.run([sys.executable, "-c", code], cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_low_rank_updates_are_exported_merged_or_alone(adapted_run: Path, tmp_path: Path) -> None:
    from peft import AutoPeftModelForCausalLM

    students = adapted_run / "students"
    assert {f.name for f in students.iterdir()} == {"01", "02"}
    assert not list(students.glob("*/model*.safetensors")), "an adapter a round, and no copy of the base"
    said = ours(adapted_run)
    whole = exported(adapted_run, tmp_path / "whole")
    assert not (whole / "adapter_config.json").exists()
    assert answers(AutoModelForCausalLM.from_pretrained(whole), whole) == said
    alone = exported(adapted_run, tmp_path / "alone", adapter=True)
    assert not list(alone.glob("model*.safetensors"))
    model = AutoPeftModelForCausalLM.from_pretrained(alone)
    model.generation_config.max_new_tokens = 48
    assert answers(model, alone) == said


def test_a_run_of_all_weights_has_no_adapter(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave --adapter out"):
        exported(run, tmp_path / "out", adapter=True)
    for taken in (tmp_path, Path(), Path("/")):
        with pytest.raises(InputError, match="is there already"):
            exported(run, taken)


def test_the_card_tells_how_it_came_about_and_its_code_runs(run: Path, tmp_path: Path) -> None:
    out = exported(run, tmp_path / "out")
    card = (out / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    assert front["library_name"] == "transformers"
    assert "elad" in front["tags"]
    for told in ("a patient friend", "6 calls", "all 2 rounds are run", "| round | asked |", "torch 2.", "`elad run"):
        assert told in card, told
    recipe = card.split("```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(recipe)["teacher"]["world"] == "arithmetic"
    assert run_code(out).strip()


def test_the_hub_is_asked_only_by_flag_and_told_in_a_line(run: Path, tmp_path: Path) -> None:
    out = exported(run, tmp_path / "out")
    with pytest.raises(InputError, match=r"--push-to-hub no/such/name: .* The export itself is whole"):
        push(out, "no/such/name")
    command = [sys.executable, "-m", "elad", "export", run, tmp_path / "two", "--push-to-hub", "me/mine"]
    nowhere = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": "hf_none"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=nowhere)
    assert done.returncode == 2
    assert "elad: --push-to-hub me/mine:" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "two" / "model.safetensors").is_file()


def test_data_sets_load(run: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    out = exported(run, tmp_path / "out")
    for name in ("sft", "preference", "stepwise"):
        file = out / "annotations" / f"{name}.jsonl"
        loaded = datasets.load_dataset(
            "json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"), keep_in_memory=True
        )
        assert list(loaded) == [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what others warn of is theirs
@pytest.mark.parametrize("kind", ["sft", "preference"])
def test_trl_takes_a_step_on_them(run: Path, tmp_path: Path, kind: str) -> None:
    trl = pytest.importorskip("trl", reason="TRL is not installed")
    from datasets import Dataset

    out = exported(run, tmp_path / "out")
    rows = [json.loads(line) for line in (out / "annotations" / f"{kind}.jsonl").read_text().splitlines()]
    config, trainer = (trl.SFTConfig, trl.SFTTrainer) if kind == "sft" else (trl.DPOConfig, trl.DPOTrainer)
    settings = config(
        output_dir=str(tmp_path / "trl"), max_steps=1, per_device_train_batch_size=2, use_cpu=True, bf16=False,
        report_to="none", save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(out)
    before = model.model.layers[0].mlp.up_proj.weight.detach().clone()
    trainer = trainer(
        model=model, args=settings, train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(out),
    )  # fmt: skip
    assert trainer.train().global_step == 1
    assert not torch.equal(before, model.model.layers[0].mlp.up_proj.weight)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what others warn of is theirs
def test_lm_evaluation_harness_agrees_item_by_item(run: Path, tmp_path: Path) -> None:
    lm_eval = pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.models.huggingface import HFLM

    out = exported(run, tmp_path / "out")
    file = tmp_path / "held_out.jsonl"
    file.write_text("".join(json.dumps({"asked": PLAIN.asked(q), "answer": q.answer}) + "\n" for q in ASKED))
    task = ConfigurableTask(
        config={
            "task": "mine",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": str(file), "cache_dir": str(tmp_path / "cache")},
            "test_split": "train",
            "doc_to_text": "{{asked}}",
            "doc_to_target": "{{answer}}",
            "target_delimiter": "",
            "output_type": "generate_until",
            "generation_kwargs": {"until": ["\n\n\n"], "max_gen_toks": 48, "do_sample": False},
            "filter_list": [
                {
                    "name": "answer",
                    "filter": [
                        {"function": "regex", "regex_pattern": r"Answer: *([^\n]*)"},
                        {"function": "take_first"},
                    ],
                }
            ],
            "metric_list": [{"metric": "exact_match"}],
        }
    )
    model = HFLM(pretrained=str(out), device="cpu", batch_size=4, dtype="float32")
    told = lm_eval.simple_evaluate(model=model, tasks=[task], log_samples=True, bootstrap_iters=0)
    theirs = {sample["doc"]["asked"]: sample["exact_match"] == 1 for sample in told["samples"]["mine"]}
    last = Student.load(out, most=48, device="cpu")
    mine = {PLAIN.asked(q): evaluate(last, [q]).answers.overall.right == 1 for q in ASKED}
    assert theirs == mine
    assert 0 < sum(mine.values()) < len(mine), "some are right, some are wrong"
