"""Asking ahead: the teacher answers while the student trains, and nothing else changes."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from elad import loop
from elad.ledger import Ledger
from elad.loop import distil
from elad.recipe import Recipe
from elad.teacher import Reply, Request, Solver
from tests.runs import contents, small_recipe
from tests.test_durability import KillServer, answered, weights


@pytest.fixture
def asked_in_training(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many calls were made while each round was trained."""
    counts: list[int] = []
    training = threading.Event()
    trained, ask = loop._train, Solver.ask

    def train(run: Any, turn: Any, new: Any) -> Any:
        counts.append(0)
        training.set()
        try:
            return trained(run, turn, new)
        finally:
            for thread in threading.enumerate():
                if thread.name == "asks ahead":
                    thread.join()
            training.clear()

    async def counted(solver: Solver, request: Request) -> Reply:
        training.wait(0.2)
        if training.is_set():
            counts[-1] += 1
        return await ask(solver, request)

    monkeypatch.setattr(loop, "_train", train)
    monkeypatch.setattr(Solver, "ask", counted)
    return counts


def blind(student: Path, **changes: Any) -> Recipe:
    return small_recipe(student, **{"annotate": {"kind": "rationale"}, "select": {"kind": "random"}, **changes})


def test_what_is_sure_to_be_asked_is_asked_while_the_student_trains(
    minimal_student: Path, tmp_path: Path, asked_in_training: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for select, expected in (({"kind": "random"}, [3, 3, 0]), ({"kind": "egss", "samples": 1}, [1, 1, 0])):
        recipe = blind(minimal_student, select=select)
        asked_in_training.clear()
        distil(recipe, tmp_path / f"ahead {select['kind']}")
        assert asked_in_training == expected, "the audit, and what no evidence decides; nothing after the last round"
        with monkeypatch.context() as patch:
            patch.setattr(loop, "sure_to_be_asked", lambda *_: [])
            distil(recipe, tmp_path / f"after {select['kind']}")
        ahead, after = (contents(tmp_path / f"{when} {select['kind']}") for when in ("ahead", "after"))
        assert ahead == after


@pytest.mark.parametrize(
    "changes",
    [
        {"annotate": {"kind": "revise"}},
        {"stop": [{"kind": "budget", "rounds": 3}, {"kind": "plateau"}]},
        {"budget": {"calls": 3}},
    ],
    ids=["the request reads the attempt", "the training may stop the run", "nothing is left to spend"],
)
def test_nothing_is_asked_ahead_that_may_not_be_asked(
    minimal_student: Path, tmp_path: Path, asked_in_training: list[int], changes: dict[str, Any]
) -> None:
    distil(blind(minimal_student, **changes), tmp_path)
    assert not any(asked_in_training)


@pytest.mark.parametrize(
    ("asked", "calls"),
    [
        *(({}, calls) for calls in range(4, 9)),
        *(({"votes": 3}, calls) for calls in (8, 10, 13)),
        *(({"rationales": 2}, calls) for calls in (9, 12)),
    ],
)
def test_the_budget_admits_the_same_with_and_without(
    minimal_student: Path, tmp_path: Path, asked: dict[str, int], calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    annotate = {"kind": "rationale", **asked}
    recipe = blind(minimal_student, budget={"calls": calls}, annotate=annotate)
    distil(recipe, tmp_path / "ahead")
    monkeypatch.setattr(loop, "sure_to_be_asked", lambda *_: [])
    distil(recipe, tmp_path / "after")
    assert contents(tmp_path / "ahead") == contents(tmp_path / "after")


def test_what_goes_wrong_ahead_is_told_and_what_was_trained_is_kept(
    minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = blind(minimal_student)
    distil(recipe, tmp_path / "well")
    ask = Solver.ask
    count = 0

    async def ask_and_fail(solver: Solver, request: Request) -> Reply:
        nonlocal count
        count += 1
        if count > 4:
            raise OSError("no line")
        return await ask(solver, request)

    monkeypatch.setattr(Solver, "ask", ask_and_fail)
    with pytest.raises(OSError, match="no line"):
        distil(recipe, tmp_path / "ill")
    monkeypatch.undo()
    with Ledger(tmp_path / "ill", read_only=True) as ledger:
        assert ledger.last_round("train") == 1
    distil(recipe, tmp_path / "ill")
    assert contents(tmp_path / "ill") == contents(tmp_path / "well")


@pytest.mark.slow
def test_killed_while_it_trains_and_asks_ahead_it_resumes_to_the_same(minimal_student: Path, tmp_path: Path) -> None:
    """At every second write, from the first training on to the second round's answers."""
    server = KillServer(minimal_student)
    changes: dict[str, Any] = {"annotate": {"kind": "rationale"}, "select": {"kind": "random"}}
    changes |= {"stop": [{"kind": "budget", "rounds": 2}]}
    try:
        assert server.run(tmp_path / "unharmed", **changes)["status"] == 0
        killed = 0
        for n in range(8, 1000, 2):
            folder = tmp_path / str(n)
            assert server.run(folder, kill_at=n, **changes)["status"] == -9
            phases = {(round, phase) for round, phase, _ in contents(folder)["traces"]}
            if (2, "annotate") in phases:
                break
            if (1, "keep") in phases:
                killed += 1
                known = answered(folder)
                resumed = server.run(folder, **changes)
                assert resumed["status"] == 0
                assert not known & set(resumed["asked"])
                assert contents(folder) == contents(tmp_path / "unharmed")
                assert weights(folder) == weights(tmp_path / "unharmed")
        assert killed > 3
    finally:
        server.close()


def test_where_the_training_fails_nothing_more_is_asked_ahead(
    minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ask = Solver.ask

    async def slowly(solver: Solver, request: Request) -> Reply:
        asked.append(1)
        if len(asked) > 3:
            await asyncio.sleep(0.5)
        return await ask(solver, request)

    def fail(*_: object) -> Any:
        raise MemoryError

    monkeypatch.setattr(Solver, "ask", slowly)
    monkeypatch.setattr(loop, "_train", fail)
    teacher = {"kind": "solver", "world": "arithmetic", "concurrency": 1}
    rounds = {"candidates": 9, "batch": 9, "audit": 0.3}
    with pytest.raises(MemoryError):
        distil(blind(minimal_student, teacher=teacher, rounds=rounds), tmp_path)
    assert len(asked) <= 9 + 2
