"""People as the teacher: a run waits for them, and whatever ends it loses nothing of theirs."""

import asyncio
import io
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest
from rich.console import Console

from elad.budget import Caps
from elad.errors import InputError, StorageError
from elad.ledger import Calls, Ledger
from elad.loop import distil
from elad.people import People, Task
from elad.progress import shown
from elad.report import annotations, summary
from elad.review import among_people
from elad.teacher import Ask, Desk, Human, Request, Solver
from elad.teacher.human import checked
from elad.teacher.messages import Message, as_text, rationale_request
from elad.teacher.replies import read_rationale
from elad.worlds import Arithmetic
from tests.runs import contents, small_recipe
from tests.test_durability import KillServer, weights

HUMAN: dict[str, Any] = {"teacher": {"kind": "human"}, "budget": {"calls": 100}}

PATIENCE = 60.0
"""Seconds after which a test no longer waits for what has to come."""


def until(come: Callable[[], bool]) -> None:
    late = time.monotonic() + PATIENCE
    while not come():
        assert time.monotonic() < late, "it never came"
        time.sleep(0.02)


def as_solved(task: Task) -> Mapping[str, Any]:
    """What the world's solver would answer."""
    content = dict(task.content)
    if "steps" in content:
        content["steps"] = {str(number): step for number, step in enumerate(content["steps"], start=1)}
    request = Request(messages=(Message(role="user", content=as_text(content)),), max_output_tokens=1000)
    reply: Mapping[str, Any] = json.loads(asyncio.run(Solver(world="arithmetic").ask(request)).raw)
    return reply


def answer_one(people: People, person: str) -> bool:
    claim = people.claim(person)
    if claim:
        people.answer(person, claim.task.key, checked(claim.task, as_solved(claim.task)), claim.version)
    return claim is not None


def answer_all(people: People) -> None:
    while answer_one(people, "Ann"):
        pass


def hand_in_what_is_done(people: People) -> None:
    for group, counts in people.groups().items():
        if counts.answered > counts.handed_in:
            with suppress(InputError):
                people.hand_in(group)


@contextmanager
def at_work(folder: Path, *persons: str) -> Iterator[None]:
    """People who answer whatever comes, each in a thread and with the file to themselves."""
    done = threading.Event()
    folder.mkdir(exist_ok=True)

    def work(person: str) -> None:
        with People(folder) as people:
            while not done.wait(0.01):
                if not answer_one(people, person):
                    hand_in_what_is_done(people)

    threads = [threading.Thread(target=work, args=(person,)) for person in persons]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    "method",
    [{}, {"annotate": {"kind": "rationale"}, "select": {"kind": "random"}}],
    ids=["revise", "rationale, asked ahead"],
)
def test_people_who_answer_as_the_solver_does_make_the_same_student(
    minimal_student: Path, tmp_path: Path, method: dict[str, Any]
) -> None:
    with at_work(tmp_path / "people", "Ann"):
        reason = distil(small_recipe(minimal_student, **HUMAN, **method), tmp_path / "people")
    assert reason == distil(small_recipe(minimal_student, **method), tmp_path / "solver")
    assert weights(tmp_path / "people") == weights(tmp_path / "solver")
    bought, costs = {}, {}
    for name in ("people", "solver"):
        with Ledger(tmp_path / name, read_only=True) as ledger:
            bought[name] = [a.model_copy(update={"calls": ()}) for a in annotations(ledger)]
            costs[name] = ledger.calls.spent()
    assert bought["people"] == bought["solver"]
    assert costs["people"] == costs["solver"], "the tokens that an LLM would have been paid for"
    assert costs["people"].calls == 9


def test_votes_are_of_two_people(minimal_student: Path, tmp_path: Path) -> None:
    with at_work(tmp_path, "Ann", "Bob"):
        distil(small_recipe(minimal_student, **HUMAN, annotate={"kind": "revise", "votes": 2}), tmp_path)
    with People(tmp_path) as people:
        claims = people.answered()
    asked = {claim.task.about for claim in claims}
    assert len(asked) == 9
    assert {(claim.person, claim.task.about) for claim in claims} == {(p, a) for p in ("Ann", "Bob") for a in asked}
    assert among_people(claims).same_flaw.right == 9


def test_no_more_is_asked_than_the_budget_has_room_for(minimal_student: Path, tmp_path: Path) -> None:
    with at_work(tmp_path, "Ann"):
        reason = distil(small_recipe(minimal_student, **{**HUMAN, "budget": {"calls": 5}}, stop=[]), tmp_path)
    assert reason == "budget: no cap has room for another call"
    with People(tmp_path) as people:
        assert [len(people.tasks(f"round {number}")) for number in (1, 2, 3)] == [3, 2, 0]


def test_what_people_can_not_answer_is_unusable_for_their_reason(minimal_student: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool.jsonl"
    pool.write_text("".join(json.dumps({"id": f"q{n}", "question": f"Why {n}?"}) + "\n" for n in range(3)))
    with at_work(tmp_path / "run", "Ann"):
        distil(small_recipe(minimal_student, **HUMAN, pool={"kind": "file", "path": str(pool)}), tmp_path / "run")
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        told = summary(ledger)
    assert told["questions"] == {"unusable": 3, "held out": 4}
    assert "not a question of the arithmetic world" in told["set_aside"][0]["reason"]


def test_it_is_said_once_a_round_how_many_questions_wait(minimal_student: Path, tmp_path: Path) -> None:
    news = io.StringIO()
    (tmp_path / "run").mkdir()

    def answer_when_told() -> None:
        with People(tmp_path / "run") as people:
            for round in (1, 2, 3):
                until(lambda: news.getvalue().count("wait for people") == round)  # noqa: B023
                answer_all(people)
                people.hand_in(f"round {round}")

    ann = threading.Thread(target=answer_when_told)
    ann.start()
    with shown(Console(file=news, soft_wrap=True)):
        distil(small_recipe(minimal_student, **HUMAN), tmp_path / "run")
    ann.join()
    assert news.getvalue().count(f"3 questions wait for people: elad view {tmp_path / 'run'} shows them") == 3


@pytest.fixture(scope="module")
def server(minimal_student: Path) -> Iterator[KillServer]:
    server = KillServer(minimal_student)
    yield server
    server.close()


@pytest.fixture(scope="module")
def unharmed(server: KillServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unharmed") / "run"
    with at_work(folder, "Ann"):
        assert server.run(folder, **HUMAN)["status"] == 0
    return folder


@contextmanager
def signalled(server: KillServer, folder: Path, number: signal.Signals) -> Iterator[None]:
    """A run in a process of its own that gets a signal when the block is done with what it does meanwhile."""
    ended = []
    run = threading.Thread(target=lambda: ended.append(server.run(folder, **HUMAN)["status"]), daemon=True)
    run.start()
    try:
        yield
    finally:
        os.kill(int((folder / "lock").read_text()), number)
        run.join(PATIENCE)
    assert ended == [{signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130}[number]]


def waits(people: People, group: str) -> Callable[[], bool]:
    return lambda: len(people.tasks(group)) == 3


def same(folder: Path, unharmed: Path) -> None:
    """The same ledger and student, nobody was asked anything else, and nobody answered twice."""
    assert contents(folder) == contents(unharmed)
    assert weights(folder) == weights(unharmed)
    with People(folder) as people, People(unharmed) as others:
        assert people.groups() == others.groups()
        for group in others.groups():
            assert people.tasks(group) == others.tasks(group)


def test_killed_while_it_waits_it_goes_on_with_what_people_did_meanwhile(
    server: KillServer, unharmed: Path, tmp_path: Path
) -> None:
    with People(tmp_path) as people:
        with signalled(server, tmp_path, signal.SIGKILL):
            until(waits(people, "round 1"))
            assert answer_one(people, "Ann")
        with signalled(server, tmp_path, signal.SIGKILL):
            answer_all(people)
            assert people.hand_in("round 1") == 3
            until(waits(people, "round 2"))
            answer_all(people)
        assert people.hand_in("round 2") == 3
        with signalled(server, tmp_path, signal.SIGKILL):
            until(waits(people, "round 3"))
            answer_all(people)
            assert people.hand_in("round 3") == 3
    with at_work(tmp_path, "Ann"):
        assert server.run(tmp_path, **HUMAN)["status"] == 0
    same(tmp_path, unharmed)


@pytest.mark.parametrize("write", [6, 10, 12, 14])
def test_killed_at_a_write_it_asks_nothing_twice(
    server: KillServer, unharmed: Path, tmp_path: Path, write: int
) -> None:
    with at_work(tmp_path, "Ann"):
        assert server.run(tmp_path, kill_at=write, **HUMAN)["status"] == -9
        assert server.run(tmp_path, **HUMAN)["status"] == 0
    same(tmp_path, unharmed)


def test_interrupted_while_it_waits_it_ends_and_goes_on_when_told(
    server: KillServer, unharmed: Path, tmp_path: Path
) -> None:
    with People(tmp_path) as people, signalled(server, tmp_path, signal.SIGINT):
        until(waits(people, "round 1"))
    with at_work(tmp_path, "Ann"):
        assert server.run(tmp_path, **HUMAN)["status"] == 0
    same(tmp_path, unharmed)


def test_an_error_is_told_without_waiting_for_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = Arithmetic(count=3, size="small").questions()
    asks = [Ask(question.id, rationale_request("Solve.", question, 60), read_rationale) for question in questions]
    last = asks[-1].request.key(Human().identity())
    opened = Calls.open

    def no_room(calls: Calls, key: str, *rest: Any) -> None:
        if key == last:
            raise StorageError("no room")
        opened(calls, key, *rest)

    monkeypatch.setattr(Calls, "open", no_room)
    told: list[BaseException] = []

    def ask() -> None:
        with Ledger(tmp_path) as ledger:
            try:
                Desk(Human(), ledger, Caps(calls=9)).ask(1, asks)
            except StorageError as error:
                told.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    assert [str(error) for error in told] == ["no room"]


SHOWN = {"question": "3 + 4 - 2?", "steps": ["3 + 4 = 7.", "7 - 2 = 6."], "answer": "6"}


def task(form: Literal["revise", "rationale", "judge"], **content: Any) -> Task:
    return Task(key="k", group="g", form=form, content={**SHOWN, **content}, most_tokens=40)


@pytest.mark.parametrize(
    ("form", "reply"),
    [
        ("revise", {"flaw": None}),
        ("revise", {"flaw": 2, "why": "7 - 2 is 5", "steps": ["7 - 2 = 5."], "answer": "5"}),
        ("revise", {"flaw": 3, "why": "", "steps": [], "answer": "5"}),
        ("revise", {"unusable": "which 3?"}),
        ("rationale", {"steps": ["3 + 4 = 7.", "7 - 2 = 5."], "answer": "5"}),
        ("rationale", {"unusable": "which 3?"}),
        ("judge", {"flaw": None}),
        ("judge", {"flaw": 2}),
        ("judge", {"flaw": 2, "why": "7 - 2 is 5"}),
    ],
)
def test_what_can_be_used_is_kept_as_it_is(form: Any, reply: dict[str, Any]) -> None:
    assert json.loads(checked(task(form), reply)) == reply


@pytest.mark.parametrize(
    ("form", "reply", "said"),
    [
        ("revise", {"flaw": 4, "answer": "5"}, "names step 4 of 2"),
        ("revise", {"flaw": 2, "steps": ["7 - 2 = 5."]}, "gives no answer"),
        ("revise", {"flaw": 1, "steps": ["so"] * 60, "answer": "5"}, "too long: it has .* tokens of at most 40"),
        ("revise", {}, "'flaw' is missing"),
        ("revise", {"flaw": 1, "answer": "\ud800", "by": "Ann"}, "'by'"),
        ("rationale", {"steps": [], "answer": "5"}, "no steps"),
        ("rationale", {"steps": ["a"], "answer": " "}, "no answer"),
        ("judge", {"flaw": 0}, "names step 0"),
        ("judge", {"unusable": "which 3?"}, "Say whether this explanation holds"),
    ],
)
def test_what_can_not_be_used_is_refused_with_the_reason(form: Any, reply: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        checked(task(form), reply)


@pytest.mark.parametrize("form", ["revise", "judge"])
def test_nobody_can_accept_what_has_no_answer(form: Any) -> None:
    with pytest.raises(InputError, match="no answer"):
        checked(task(form, answer=None), {"flaw": None})
