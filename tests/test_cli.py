"""The commands as a person or a script meets them, in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from elad.ledger import Ledger
from elad.recipe import Recipe


def elad(*args: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "elad", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, stdin=subprocess.DEVNULL)


@pytest.fixture
def file(recipe: Recipe, tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**recipe.resolved(), "name": "mine"}))
    return path


def test_from_run_to_export(file: Path, tmp_path: Path) -> None:
    done = elad("run", file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "stopped: budget: all 3 rounds are run" in done.stdout
    assert "round 3" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr, "no colours or bars where nobody looks"
    folder = tmp_path / "runs" / "mine"
    report = (folder / "report.html").read_bytes()

    again = elad("run", file, "--run", folder, "--json")
    assert again.returncode == 0
    assert json.loads(again.stdout)["spent"]["calls"] == 9

    status = elad("status", folder)
    assert "31 pooled" in status.stdout
    assert json.loads(elad("status", folder, "--json").stdout)["stopped"] == "budget: all 3 rounds are run"
    assert elad("report", folder, "--markdown").stdout.startswith("# mine")
    assert elad("report", Path("runs/mine"), "--to", "told.html", cwd=tmp_path).stdout == "told.html\n"
    assert (tmp_path / "told.html").read_bytes() == report, "made from the ledger alone"

    out = tmp_path / "out"
    told = elad("export", folder, out, "--json")
    assert told.returncode == 0, told.stderr
    counts = json.loads(told.stdout)["annotations"]
    rows = {
        n: [json.loads(line) for line in (out / "annotations" / f"{n}.jsonl").read_text().splitlines()] for n in counts
    }
    assert {n: len(r) for n, r in rows.items()} == counts
    assert counts["sft"] == 9
    assert all(set(row) == {"prompt", "completion"} for row in rows["sft"])
    assert all(set(row) == {"prompt", "chosen", "rejected"} for row in rows["preference"])
    assert all(len(row["completions"]) == len(row["labels"]) for row in rows["stepwise"])
    assert (out / "model.safetensors").read_bytes() == (folder / "students" / "03" / "model.safetensors").read_bytes()
    assert elad("export", folder, out).returncode == 2


def test_no_library_speaks_between_our_lines(file: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="preferences need the dpo extra")
    pytest.importorskip("peft", reason="LoRA needs the lora extra")
    train = "train={kind: dpo, lora: {rank: 2}, optimiser: {steps: 2, batch: 2}}"
    done = elad("run", file, "--run", tmp_path / "run", train, "stop=[{kind: budget, rounds: 1}]")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == "round 1"
    assert "arning" not in done.stderr


def test_what_is_wrong_is_one_clear_line_and_an_exit_code(file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    wrong = {
        2: [
            ("run", tmp_path / "none.yaml"),
            ("run", file, "budget.toknes=3"),
            ("run", file, "stop.5.rounds=3"),
            ("run", file, "--run", run, "student.model=/nowhere"),
            ("run", file, "pool={kind: file, path: /nowhere.jsonl}", "--run", tmp_path / "other"),
            ("bogus",),
            ("run",),
            ("status", run, "--jsno"),
        ],
        4: [
            ("run", file, "--run", file),
            ("status", tmp_path),
            ("report", tmp_path / "nope"),
            ("export", run, tmp_path / "o"),
        ],
    }
    for code, commands in wrong.items():
        for command in commands:
            done = elad(*command)
            assert done.returncode == code, (command, done)
            assert "Traceback" not in done.stderr, command
            assert done.stderr.strip(), command


def test_a_recipe_that_failed_at_the_start_can_be_mended(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for mistake in (
        "student.model=/nowhere",
        "student.max_tokens=1024",
        "student.device=nowhere",
        "teacher={kind: recorded, path: /nowhere.jsonl}",
        "pool={kind: file, path: /nowhere.jsonl}",
    ):
        assert elad("run", file, "--run", folder, mistake).returncode == 2
        assert "not running, in round 1" in elad("status", folder).stdout
    assert elad("run", file, "--run", folder).returncode == 0


def test_another_recipe_on_the_folder_is_refused(file: Path, tmp_path: Path) -> None:
    assert elad("run", file, "--run", tmp_path / "run").returncode == 0
    other = elad("run", file, "--run", tmp_path / "run", "rounds.batch=2")
    assert other.returncode == 4
    assert "rounds.batch: 3 here, 2 there" in other.stderr


def test_ctrl_c_stops_cleanly_and_the_same_command_goes_on(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "elad",
        "run",
        str(file),
        "--run",
        str(folder),
        "teacher.latency=0.3",
        "teacher.concurrency=1",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.05)
        try:
            with Ledger(folder, read_only=True) as ledger:
                if ledger.calls.spent().calls:
                    break
        except Exception:  # not there yet
            continue
    os.kill(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    assert "goes on from here" in said
    assert "Traceback" not in said
    with Ledger(folder, read_only=True) as ledger:
        bought = ledger.calls.spent().calls
        assert 0 < bought < 9
    assert elad(*command[3:]).returncode == 0
    with Ledger(folder, read_only=True) as ledger:
        assert ledger.calls.spent().calls == 9


def test_plan_run_and_reprice(file: Path, tmp_path: Path) -> None:
    folder, price = tmp_path / "run", "teacher.price={input: 1, output: 4}"
    planned = elad("plan", file, price, "--run", folder)
    assert planned.returncode == 0, planned.stderr
    assert "from round 1 on: 3 rounds, 9 questions" in planned.stdout
    assert "spent:    0.000000, 0 calls" in planned.stdout
    probed = json.loads(elad("plan", file, price, "--run", folder, "--probe", "2", "--json").stdout)
    assert probed["spent"]["calls"] == 2
    told = json.loads(elad("run", file, price, "--run", folder, "--json").stdout)
    assert told["spent"]["calls"] == 9
    assert "stopped: budget" in elad("plan", file, price, "--run", folder).stdout
    again = json.loads(elad("reprice", folder, "input=10", "output=40", "--json").stdout)
    assert float(again["after"]["money"]) == pytest.approx(10 * float(told["spent"]["money"]))
    assert again["after"]["tokens"] == told["spent"]["tokens"]
    assert "told by hand" in elad("report", folder, "--markdown").stdout
    for wrong in (("reprice", folder), ("reprice", folder, "input=1"), ("plan", file, "--probe", "-1")):
        done = elad(*wrong)
        assert done.returncode == 2, done
        assert "Traceback" not in done.stderr


def test_a_price_that_changes_is_told_to_the_run_and_nothing_else_may_change(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert elad("run", file, "teacher.price={input: 1, output: 4}", "--run", folder).returncode == 0
    more = ("teacher.price={input: 2, output: 8}", "teacher.name=somebody", "teacher.concurrency=2")
    assert elad("run", file, *more, "--run", folder).returncode == 0, "how it is asked is no other recipe"
    assert elad("run", file, "teacher.error_rate=0.1", "--run", folder).returncode == 4


def test_reparse_and_answers(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    assert elad("run", file, "--run", folder).returncode == 0
    assert "0 questions" in elad("reparse", folder).stdout
    assert elad("reparse", tmp_path / "nowhere").returncode == 4
    assert elad("answers").returncode == 2, "they are turned off in tests"
    monkeypatch.setenv("ELAD_ANSWERS", str(tmp_path / "answers.sqlite"))
    assert "0 answers" in elad("answers").stdout
    assert json.loads(elad("answers", "--prune", "--older-than", "3", "--json").stdout)["thrown_away"] == 0
    assert elad("answers", "--teacher", "x").returncode == 2
    (tmp_path / "answers.sqlite").write_bytes(b"no database" * 100)
    broken = elad("answers")
    assert broken.returncode == 5
    assert "Traceback" not in broken.stderr
