"""A run survives whatever ends it: kill -9 at every write, Ctrl-C, a second process, torn files, a full disk."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elad.errors import RunFolderError, StorageError
from elad.ledger import FILE, Ledger
from elad.loop import distil
from elad.recipe import Recipe
from elad.sufficiency.exam import looks
from tests.runs import contents

ROOT = Path(__file__).parent.parent


class KillServer:
    """The test's end of `kill_server.py`."""

    def __init__(self, student: Path) -> None:
        self.student = student
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.kill_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        folder: Path,
        kill_at: int = 0,
        signal: str = "KILL",
        exam: dict[str, Any] | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """Run the small recipe, changed, or hold an exam, in a child; its exit status and the calls that it asked."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        how = {"kill_at": kill_at, "signal": signal, "changes": changes, "exam": exam}
        job = {"folder": str(folder), "student": str(self.student), **how}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server(minimal_student: Path) -> Iterator[KillServer]:
    server = KillServer(minimal_student)
    yield server
    server.close()


@pytest.fixture(scope="module")
def unharmed(server: KillServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unharmed") / "run"
    assert server.run(folder)["status"] == 0
    return folder


def answered(folder: Path) -> set[str]:
    """The calls whose answers are on the disk."""
    if not (folder / FILE).exists():
        return set()
    with sqlite3.connect(folder / FILE) as db:
        there = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'calls'").fetchone()
        keys = {row[0] for row in db.execute("SELECT key FROM calls WHERE outcome = 'answered'")} if there else set()
    db.close()
    return keys


def weights(folder: Path) -> dict[str, bytes]:
    return {f"{f.parent.name}/{f.name}": f.read_bytes() for f in sorted(folder.glob("students/*/*.safetensors"))}


def test_killed_at_every_write_it_resumes_to_the_same_ledger_and_student(
    server: KillServer, unharmed: Path, tmp_path: Path
) -> None:
    for n in range(1, 1000):
        folder = tmp_path / str(n)
        status = server.run(folder, kill_at=n)["status"]
        if status == 0:
            break
        assert status == -9
        bought = answered(folder)
        resumed = server.run(folder)
        assert resumed["status"] == 0
        assert not bought & set(resumed["asked"]), f"killed at write {n}: an answered call was sent again"
        assert contents(folder) == contents(unharmed), f"killed at write {n}: another ledger"
        assert weights(folder) == weights(unharmed), f"killed at write {n}: another student"
        shutil.rmtree(folder)
    assert n > 30, "a run of three rounds has more writes than that"


def test_an_exam_killed_at_every_write_comes_to_the_same_bounds_and_buys_nothing_twice(
    server: KillServer, unharmed: Path, tmp_path: Path
) -> None:
    exam = {"targets": {"agreement": 0.2}, "pool": 4}
    whole = Path(shutil.copytree(unharmed, tmp_path / "whole"))
    assert server.run(whole, exam=exam)["status"] == 0
    with Ledger(whole, read_only=True) as ledger:
        assert len(list(looks(ledger, 4))) > 1
    for n in range(1, 1000):
        folder = Path(shutil.copytree(unharmed, tmp_path / str(n)))
        status = server.run(folder, kill_at=n, exam=exam)["status"]
        if status == 0:
            break
        assert status == -9
        bought = answered(folder)
        resumed = server.run(folder, exam=exam)
        assert resumed["status"] == 0
        assert not bought & set(resumed["asked"]), f"killed at write {n}: an answered call was sent again"
        assert contents(folder) == contents(whole), f"killed at write {n}: another ledger"
        shutil.rmtree(folder)
    assert n > 10, "an exam has more writes than that"


def test_interrupted_it_ends_the_write_and_resumes(server: KillServer, unharmed: Path, tmp_path: Path) -> None:
    for n in (3, 9, 15):
        folder = tmp_path / str(n)
        assert server.run(folder, kill_at=n, signal="INT")["status"] == 130
        with sqlite3.connect(folder / FILE) as db:
            assert db.execute("SELECT count(*) FROM calls WHERE outcome = 'open'").fetchone()[0] == 0
        db.close()
        assert server.run(folder)["status"] == 0
        assert contents(folder) == contents(unharmed)


def test_a_finished_run_is_a_no_op(server: KillServer, unharmed: Path) -> None:
    before = contents(unharmed)
    again = server.run(unharmed)
    assert again == {"status": 0, "asked": []}
    assert contents(unharmed) == before


def test_a_second_process_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    with Ledger(tmp_path), pytest.raises(RunFolderError, match=f"in use by another process .*{os.getpid()}"):
        distil(recipe, tmp_path)


def test_another_recipe_is_refused_and_the_fields_are_named(recipe: Recipe, unharmed: Path) -> None:
    other = recipe.model_copy(update={"seed": 5})
    with pytest.raises(RunFolderError, match="seed: 0 here, 5 there"):
        distil(other, unharmed)


@pytest.mark.parametrize("junk", [b"", b"\0" * 64, os.urandom(3000)])
def test_a_torn_write_ahead_log_loses_nothing_that_was_committed(
    server: KillServer, unharmed: Path, tmp_path: Path, junk: bytes
) -> None:
    folder = tmp_path / "run"
    assert server.run(folder, kill_at=20)["status"] == -9
    with open(folder / f"{FILE}-wal", "ab") as log:  # the kill came while the next frame was being written
        log.write(junk)
    (folder / "recipe.yaml").write_text("name: [torn")
    assert server.run(folder)["status"] == 0
    assert contents(folder) == contents(unharmed)


def test_a_draft_that_a_kill_left_is_cleared_away(server: KillServer, unharmed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert server.run(folder, kill_at=5)["status"] == -9
    draft = folder / "students" / ".01.draft"
    draft.mkdir(parents=True)
    (draft / "model.safetensors").write_bytes(b"half a file")
    assert server.run(folder)["status"] == 0
    assert weights(folder) == weights(unharmed)
    assert not draft.exists()


def test_a_damaged_student_is_refused_before_anything_is_paid(
    server: KillServer, unharmed: Path, tmp_path: Path, recipe: Recipe
) -> None:
    folder = tmp_path / "run"
    assert server.run(folder, kill_at=21)["status"] == -9
    torn = folder / "students" / "01" / "model.safetensors"
    torn.write_bytes(torn.read_bytes()[:-100])
    with pytest.raises(RunFolderError, match="was changed since it was trained"):
        distil(recipe, folder)


def test_a_file_that_is_no_ledger_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(RunFolderError, match="can't be read as a ledger"):
        distil(recipe, tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MiB."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "elad-test", str(mounted)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here: that takes root and a kernel with tmpfs")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


@pytest.mark.parametrize("writes", [2, 8, 16])
def test_a_full_disk_stops_the_run_and_a_freed_one_resumes_it(
    server: KillServer, unharmed: Path, small_disk: Path, recipe: Recipe, writes: int
) -> None:
    folder = small_disk / "run"
    assert server.run(folder, kill_at=writes)["status"] == -9
    bought = answered(folder)
    ballast = small_disk / "ballast"
    with open(ballast, "wb") as filler:
        free = shutil.disk_usage(small_disk).free
        filler.write(b"\0" * (free - 8192))
    assert server.run(folder)["status"] == StorageError.exit_code
    ballast.unlink()
    resumed = server.run(folder)
    assert resumed["status"] == 0
    assert not bought & set(resumed["asked"])
    assert contents(folder) == contents(unharmed)
