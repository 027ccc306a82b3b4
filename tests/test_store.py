"""Answers across runs: what was paid for on this machine is not bought again, and changes nothing of a run."""

import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from elad.budget import Usage
from elad.errors import StorageError
from elad.ledger import Ledger
from elad.loop import distil
from elad.recipe import Recipe
from elad.report import markdown, summary
from elad.store import Store, place
from elad.teacher import Desk
from tests.endpoint import SolverEndpoint, asked
from tests.runs import contents, small_recipe


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "data" / "answers.sqlite"
    monkeypatch.setenv("ELAD_ANSWERS", str(file))
    return file


def paid(student: Path, endpoint: SolverEndpoint, **changes: Any) -> Recipe:
    how = asked(endpoint)
    return small_recipe(student, **{"teacher": how, "budget": {"tokens": 100_000}, **changes})


def test_a_second_run_buys_nothing_and_comes_to_the_same(
    store: Path, endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    recipe = paid(minimal_student, endpoint)
    distil(recipe, tmp_path / "one")
    bought = sum(endpoint.billed.values())
    distil(recipe, tmp_path / "other")
    assert sum(endpoint.billed.values()) == bought == 9
    one, other = (contents(tmp_path / name) for name in ("one", "other"))
    assert one["traces"] == other["traces"], "the same choices, annotations, students and verdict"
    with Ledger(tmp_path / "other", read_only=True) as ledger:
        told = summary(ledger)
    assert told["spent"]["calls"] == 9, "the budget reaches as far as without"
    assert told["of_this"]["reused"]["calls"] == 9, "and none of it was paid again"
    assert "answered in earlier runs, and not paid again" in markdown(told)


def test_a_question_more_is_a_call_more(
    store: Path, endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    """The key is the content: another pool, other sizes, another name and another patience change nothing."""
    random = {"select": {"kind": "random"}, "annotate": {"kind": "rationale"}}
    distil(paid(minimal_student, endpoint, **random), tmp_path / "one")
    endpoint.bodies.clear()
    teacher = asked(endpoint)
    pool = {"kind": "arithmetic", "size": "small", "count": 41, "seed": 1}
    more = {"pool": pool, "name": "another", "teacher": {**teacher, "timeout": 99.0, "concurrency": 2, "name": "x"}}
    distil(paid(minimal_student, endpoint, **random, **more), tmp_path / "other")
    with Ledger(tmp_path / "other", read_only=True) as ledger:
        reused = ledger.calls.spent(outcomes=("reused",)).calls
    assert reused + len(endpoint.bodies) == 9
    assert reused >= 6


def test_refusals_and_cut_off_replies_are_paid_for_and_not_replayed(
    store: Path, endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    refusal = {"message": {"content": None, "refusal": "I won't"}, "finish_reason": "stop"}
    endpoint.always = 200, {"choices": [refusal], "usage": {"prompt_tokens": 5, "completion_tokens": 5}}
    recipe = paid(minimal_student, endpoint)
    distil(recipe, tmp_path / "refused")
    with Ledger(tmp_path / "refused", read_only=True) as ledger:
        assert ledger.counts()["unusable"] == 9
        assert ledger.calls.spent() == Usage(calls=9, input_tokens=45, output_tokens=45)
        assert {reason for _, reason in ledger.unusable()} == {"I won't"}
    endpoint.always = None
    distil(recipe, tmp_path / "later")
    with Ledger(tmp_path / "later", read_only=True) as ledger:
        assert ledger.counts()["annotated"] == 9
        assert ledger.calls.spent(outcomes=("reused",)).calls == 0


def test_it_can_be_turned_off_and_lies_where_data_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ELAD_ANSWERS", "off")
    assert place() is None
    Store().keep("t", [("key", "r", Usage())])
    assert Store().find("key") is None
    monkeypatch.delenv("ELAD_ANSWERS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert place() == tmp_path / "elad" / "answers.sqlite"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place() == tmp_path / ".local/share/elad/answers.sqlite"


def test_a_store_that_can_not_be_used_stops_no_run(
    store: Path, endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    store.parent.mkdir()
    store.write_bytes(b"this is no database" * 100)
    distil(paid(minimal_student, endpoint), tmp_path / "run")
    assert sum(endpoint.billed.values()) == 9
    with pytest.raises(StorageError, match="can't be used as a store of answers"):
        Store().shelves()


def test_shelves_are_told_and_pruned(store: Path) -> None:
    filled = Store()
    for number in range(5):
        filled.keep("a" if number < 3 else "b", [(str(number), "reply", Usage(calls=1, input_tokens=10))])
    filled.keep("a", [("0", "another", Usage())])
    assert filled.find("0") == ("reply", Usage(calls=1, input_tokens=10)), "the first stays"
    assert [(s.teacher, s.answers, s.usage.input_tokens) for s in filled.shelves()] == [("a", 3, 30), ("b", 2, 20)]
    assert filled.prune("a", older_than=1) == 0, "they are of today"
    assert filled.prune("a", None) == 3
    assert [shelf.teacher for shelf in filled.shelves()] == ["b"]
    assert filled.prune(None, None) == 2
    filled.close()
    assert stat.S_IMODE(store.stat().st_mode) == 0o600, "for the user alone"


def test_many_runs_write_it_at_once(store: Path) -> None:
    def fill(name: str) -> None:
        mine = Store()
        for number in range(100):
            mine.keep(name, [(f"{name}/{number}", "reply", Usage(calls=1))])
        mine.close()

    threads = [threading.Thread(target=fill, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [shelf.answers for shelf in Store().shelves()] == [100] * 4


def test_what_one_process_kept_for_its_run_alone_the_next_shares(
    store: Path, endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    """A kill came between the ledger's commit and the store's."""
    recipe = paid(minimal_student, endpoint)
    distil(recipe, tmp_path / "one")
    store.unlink()
    with Ledger(tmp_path / "one") as ledger:
        Desk(recipe.teacher, ledger, recipe.budget).close()
    distil(recipe, tmp_path / "other")
    assert sum(endpoint.billed.values()) == 9


def test_what_nobody_of_ours_wrote_is_no_answer(store: Path) -> None:
    filled = Store()
    filled.keep("t", [("key", "reply", Usage())])
    with sqlite3.connect(store) as db:
        db.execute("UPDATE answers SET usage = 'nonsense'")
    db.close()
    assert filled.find("key") is None
    with pytest.raises(StorageError, match="holds what no run has written"):
        filled.shelves()
    filled.close()


def test_its_place_is_read_as_people_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELAD_ANSWERS", "OFF")
    assert place() is None
    monkeypatch.setenv("ELAD_ANSWERS", "~/x.sqlite")
    assert place() == Path.home() / "x.sqlite"
