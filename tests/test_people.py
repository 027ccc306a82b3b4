"""People share a run's questions: nobody's work is lost, and nothing is done twice."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elad.errors import InputError, RunFolderError, StorageError
from elad.people import FILE, Claim, People, Stale, Task


def task(n: int, group: str = "round 1", about: int | None = None, wanted: int = 1) -> Task:
    content = {"question": f"What is {n if about is None else about}?"}
    return Task(key=f"k{n}", group=group, form="rationale", content=content, wanted=wanted)


class Time:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def people(tmp_path: Path, time: Time) -> Iterator[People]:
    with People(tmp_path, now=time) as people:
        yield people


def claimed(people: People, person: str, group: str | None = None) -> Claim:
    claim = people.claim(person, group)
    assert claim
    return claim


def answered(people: People, person: str) -> str:
    claim = claimed(people, person)
    people.answer(person, claim.task.key, "an answer", claim.version)
    return claim.task.key


def test_a_person_gets_what_they_have_and_then_the_next(people: People) -> None:
    people.put([task(1), task(2), task(3, "review")])
    assert claimed(people, "Ann").task == task(1)
    assert claimed(people, "Ann").task == task(1), "as long as it is not answered"
    assert claimed(people, "Bob").task == task(2)
    assert claimed(people, "Ann", "review").task == task(3, "review")
    assert answered(people, "Bob") == "k2"
    assert people.claim("Bob") is None


def test_put_again_a_task_stays_as_it_is(people: People) -> None:
    people.put([task(1)])
    claim = claimed(people, "Ann")
    people.keep_draft("Ann", "k1", {"answer": "4"}, claim.version)
    people.put([task(1), task(2)])
    assert claimed(people, "Ann").draft == {"answer": "4"}
    assert [t.key for t in people.tasks("round 1")] == ["k1", "k2"]
    people.put([task(1, wanted=2)])
    assert claimed(people, "Bob").task.key == "k1", "but more people may be wanted"


def test_votes_are_of_different_people(people: People) -> None:
    people.put([task(1, about=7), task(2, about=7), task(3, wanted=2)])
    assert [answered(people, "Ann") for _ in range(2)] == ["k1", "k3"]
    assert people.claim("Ann") is None, "she has said what she thinks of 7"
    assert [answered(people, "Bob") for _ in range(2)] == ["k2", "k3"]
    assert people.claim("Cem") is None


def test_nobody_answers_the_same_twice_over_an_old_claim(people: People) -> None:
    people.put([task(1, about=7), task(2, about=7)])
    claim = claimed(people, "Ann")
    people.release("Ann", "k1")
    assert answered(people, "Bob") == "k1"
    assert answered(people, "Ann") == "k2"
    people.undo("Bob", "k1")
    people.release("Bob", "k1")
    with pytest.raises(InputError, match="answered the same before"):
        people.answer("Ann", "k1", "again", claim.version)


def test_a_draft_is_kept_and_a_window_that_is_behind_is_told(people: People) -> None:
    people.put([task(1)])
    first = claimed(people, "Ann").version
    second = people.keep_draft("Ann", "k1", {"steps": ["a"]}, first)
    with pytest.raises(Stale) as stale:
        people.keep_draft("Ann", "k1", {"steps": ["b"]}, first)
    assert (stale.value.draft, stale.value.version) == ({"steps": ["a"]}, second)
    with pytest.raises(Stale):
        people.answer("Ann", "k1", "an answer", first)
    people.answer("Ann", "k1", "an answer", second)
    with pytest.raises(Stale):
        people.keep_draft("Ann", "k1", {"steps": ["c"]}, second)


def test_what_nobody_shows_a_sign_of_goes_to_another(people: People, time: Time) -> None:
    people.put([task(1)])
    version = people.keep_draft("Ann", "k1", {"answer": "4"}, claimed(people, "Ann").version)
    time.now += 3500
    people.claimed("Ann", "k1")
    time.now += 3500
    assert people.claim("Bob") is None, "there was a sign of her"
    time.now += 101
    assert claimed(people, "Ann").draft == {"answer": "4"}, "nobody took it meanwhile"
    time.now += 3601
    assert claimed(people, "Bob").draft == {}
    with pytest.raises(InputError, match="Somebody else has this"):
        people.answer("Ann", "k1", "late", version)
    assert people.claim("Ann") is None
    people.release("Bob", "k1")
    assert claimed(people, "Ann").draft == {"answer": "4"}


def test_what_is_given_back_comes_last(people: People) -> None:
    people.put([task(1), task(2)])
    people.keep_draft("Ann", "k1", {"answer": "4"}, claimed(people, "Ann").version)
    people.release("Ann", "k1")
    assert answered(people, "Ann") == "k2"
    assert claimed(people, "Ann").draft == {"answer": "4"}


def test_an_answer_can_be_taken_back_until_it_is_handed_in(people: People) -> None:
    people.put([task(1), task(2), task(3, "round 2")])
    claim = claimed(people, "Ann")
    version = people.keep_draft("Ann", "k1", {"answer": "4"}, claim.version)
    version = people.answer("Ann", "k1", "first", version)
    with pytest.raises(InputError, match="take the answer back first"):
        people.answer("Ann", "k1", "second", version)
    again = people.undo("Ann", "k1")
    assert (again.reply, again.draft) == (None, {"answer": "4"})
    with pytest.raises(InputError, match="no answer"):
        people.undo("Ann", "k1")
    assert claimed(people, "Ann").task.key == "k1"
    people.answer("Ann", "k1", "second", again.version)
    with pytest.raises(InputError, match="1 of 2 tasks of 'round 1' are not answered"):
        people.hand_in("round 1")
    assert people.handed_in("k1") is None
    assert answered(people, "Bob") == "k2"
    assert people.hand_in("round 1") == 2
    assert people.hand_in("round 1") == 0
    assert people.handed_in("k1") == "second"
    with pytest.raises(InputError, match="handed in"):
        people.undo("Ann", "k1")


def test_what_is_withdrawn_is_asked_no_more_and_nothing_is_lost(people: People) -> None:
    people.put([task(1), task(2, wanted=2), task(3, wanted=2), task(4), task(5, "round 2")])
    assert [answered(people, "Ann") for _ in range(2)] == ["k1", "k2"]
    claim = claimed(people, "Ann")
    people.withdraw("round 1")
    assert [t.key for t in people.tasks("round 1")] == ["k1", "k2", "k3"]
    assert claimed(people, "Bob").task.key == "k5"
    people.answer("Ann", "k3", "an answer", claim.version)
    assert people.hand_in("round 1") == 3


def test_counts_say_who_has_done_what(people: People, time: Time) -> None:
    people.put([task(1), task(2, wanted=3), task(3, "review").model_copy(update={"form": "judge"})])
    for person in ("Ann", "Bob"):
        answered(people, person)
    claimed(people, "Ann")
    claimed(people, "Cem", "review")
    assert {group: counts.model_dump() for group, counts in people.groups().items()} == {
        "round 1": {
            "wanted": 4, "held": 1, "answered": 2, "handed_in": 0, "awaited": True, "people": {"Ann": 1, "Bob": 1},
        },
        "review": {"wanted": 1, "held": 1, "answered": 0, "handed_in": 0, "awaited": False, "people": {}},
    }  # fmt: skip
    time.now += 3601
    assert people.groups()["round 1"].held == 0
    assert [(claim.person, claim.task.key) for claim in people.answered()] == [("Ann", "k1"), ("Bob", "k2")]
    assert [claim.task.key for claim in people.answered("round 1")] == ["k1", "k2"]
    assert people.answered("review") == []


def test_what_can_be_taken_back_is_told_the_last_first(people: People, time: Time) -> None:
    people.put([*map(task, range(5)), task(5, "round 2")])
    for _ in range(6):
        time.now += 1
        answered(people, "Ann")
    assert [claim.task.key for claim in people.undoable("Ann", 3)] == ["k5", "k4", "k3"]
    assert people.undoable("Bob", 3) == []
    people.hand_in("round 1")
    assert [claim.task.key for claim in people.undoable("Ann", 3)] == ["k5"]


def test_a_page_that_is_open_is_a_sign_and_is_not_written_at_every_look(
    people: People, time: Time, tmp_path: Path
) -> None:
    people.put([task(1)])
    claimed(people, "Ann")
    for _ in range(200):
        time.now += 30
        people.look("Ann", "k1")
    assert people.claim("Bob") is None
    before = (tmp_path / f"{FILE}-wal").read_bytes()
    people.look("Ann", "k1")
    time.now += 29
    people.look("Ann", "k1")
    assert (tmp_path / f"{FILE}-wal").read_bytes() == before
    time.now += 3601
    assert claimed(people, "Bob")
    with pytest.raises(InputError, match="Somebody else has this"):
        people.look("Ann", "k1")


def test_an_answer_that_is_taken_back_late_is_theirs_again(people: People, time: Time) -> None:
    people.put([task(1), task(2)])
    answered(people, "Ann")
    time.now += 9000
    assert claimed(people, "Ann").task.key == "k2"
    people.undo("Ann", "k1")
    assert people.claim("Bob") is None, "there was a sign of her just now, for both"


@pytest.mark.parametrize("name", ["", "  ", "a" * 81, "Ann\n", "An\u202en", "\ud800"])
def test_a_name_that_is_none_is_refused(people: People, name: str) -> None:
    people.put([task(1)])
    with pytest.raises(InputError, match="A name has 1 to 80 characters"):
        people.claim(name)
    assert people.claim("Änne O'Hara-李"), "and any other is taken"


def test_what_can_not_be_done_is_said(people: People) -> None:
    people.put([task(1)])
    for ask in (people.claimed, people.look, people.undo, people.release):
        with pytest.raises(InputError, match="Ann was not given this task"):
            ask("Ann", "k1")
    version = claimed(people, "Ann").version
    for key in ("k2", "k1' OR '1"):
        with pytest.raises(InputError, match="Ann was not given this task"):
            people.answer("Ann", key, "an answer", version)
    with pytest.raises(InputError, match="too long"):
        people.keep_draft("Ann", "k1", {"answer": "x" * 10**6}, version)
    with pytest.raises(InputError, match="too long"):
        people.answer("Ann", "k1", "x" * (10**6 + 1), version)
    with pytest.raises(InputError, match="halves of characters"):
        people.answer("Ann", "k1", "\ud800", version)
    with pytest.raises(InputError, match="Nobody was asked anything in 'round 9'"):
        people.hand_in("round 9")
    assert people.claimed("Ann", "k1").version == version


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't be used"):
        People(tmp_path / "nowhere")
    (tmp_path / FILE).write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(StorageError, match="can't be used"):
        People(tmp_path)
    (tmp_path / FILE).unlink()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(RunFolderError, match="version 9"):
        People(tmp_path)


def test_to_be_read_only_it_is_neither_made_nor_changed(people: People, tmp_path: Path) -> None:
    people.put([task(1)])
    with People(tmp_path, read_only=True) as reader:
        assert reader.tasks("round 1") == [task(1)]
        with pytest.raises(StorageError, match="readonly"):
            reader.claim("Ann")
    (tmp_path / "other").mkdir()
    with pytest.raises(StorageError):
        People(tmp_path / "other", read_only=True)
    assert not list((tmp_path / "other").iterdir())


COUNT = 60


def drain(people: People, person: str, done: list[str]) -> None:
    while claim := people.claim(person):
        version = people.keep_draft(person, claim.task.key, {"by": person}, claim.version)
        people.answer(person, claim.task.key, f"of {person}", version)
        done.append(claim.task.key)


def test_threads_that_drain_a_queue_never_get_the_same(people: People) -> None:
    people.put(task(n, wanted=2 if n % 10 == 0 else 1) for n in range(COUNT))
    done: dict[str, list[str]] = {person: [] for person in ("Ann", "Bob", "Cem")}
    threads = [threading.Thread(target=drain, args=(people, *item)) for item in done.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = Counter(key for keys in done.values() for key in keys)
    assert times == {f"k{n}": 2 if n % 10 == 0 else 1 for n in range(COUNT)}
    assert all(len(keys) == len(set(keys)) for keys in done.values())


DRAINING = """
import sys
from pathlib import Path
from elad.people import People
from tests.test_people import drain
done = []
with People(Path(sys.argv[1])) as people:
    print("ready", flush=True)
    sys.stdin.readline()
    drain(people, sys.argv[2], done)
print(*done)
"""


def process(code: str, *arguments: str) -> "subprocess.Popen[str]":
    how: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=Path(__file__).parent.parent, **how)


def test_processes_that_drain_a_queue_never_get_the_same(tmp_path: Path) -> None:
    """They also make the file together."""
    draining = [process(DRAINING, str(tmp_path), person) for person in ("Ann", "Bob")]
    for one in draining:
        assert one.stdout
        assert one.stdout.readline() == "ready\n"
    with People(tmp_path) as people:
        people.put(map(task, range(COUNT)))
        done = " ".join(one.communicate("go\n", timeout=120)[0] for one in draining)
        assert Counter(done.split()) == {f"k{n}": 1 for n in range(COUNT)}
        assert len(people.answered()) == COUNT


WRITING = """
import sys
from itertools import count
from pathlib import Path
from elad.people import People
with People(Path(sys.argv[1])) as people:
    version = people.claim("Ann").version
    for n in count():
        version = people.keep_draft("Ann", "k1", {"steps": ["x" * 5000], "n": n}, version)
        print(n, flush=True)
"""


def test_killed_while_it_writes_it_has_kept_what_it_said_it_kept(people: People, tmp_path: Path) -> None:
    people.put([task(1)])
    writing = process(WRITING, str(tmp_path))
    assert writing.stdout
    told = [int(writing.stdout.readline()) for _ in range(20)]
    os.kill(writing.pid, signal.SIGKILL)
    told += [int(line) for line in writing.communicate()[0].split("\n") if line]
    draft = claimed(people, "Ann").draft
    assert told[-1] <= draft["n"] <= told[-1] + 1


def test_who_is_stopped_in_a_write_holds_up_no_reader(people: People, tmp_path: Path) -> None:
    people.put([task(1)])
    assert answered(people, "Ann") == "k1"
    people.hand_in("round 1")
    with sqlite3.connect(tmp_path / FILE, isolation_level=None) as stopped:
        stopped.execute("BEGIN IMMEDIATE")
        assert people.handed_in("k1") == "an answer"
        stopped.execute("ROLLBACK")
    stopped.close()
