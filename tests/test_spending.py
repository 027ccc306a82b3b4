"""Paid calls through kills: nothing that was kept is bought twice, and no cap is exceeded, as the provider counts."""

import asyncio
import random
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from elad.budget import Usage
from elad.errors import StorageError
from elad.ledger import FILE, Ledger
from elad.teacher.together import Together
from tests.endpoint import KEY, SolverEndpoint, asked
from tests.runs import contents
from tests.test_durability import KillServer


@pytest.fixture(scope="module")
def server(minimal_student: Path) -> Iterator[KillServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        server = KillServer(minimal_student)
        yield server
        server.close()


def paid(endpoint: SolverEndpoint, tokens: int, rounds: int, **teacher: Any) -> dict[str, Any]:
    how = asked(endpoint, **{"max_output_tokens": 100, **teacher})
    stop = [{"kind": "budget", "rounds": rounds}]
    return {"teacher": how, "budget": {"tokens": tokens}, "stop": stop, "rounds": {"candidates": 6, "batch": 4}}


@pytest.mark.slow
def test_killed_at_every_write_and_request_it_pays_once_for_what_it_kept(
    server: KillServer, endpoint: SolverEndpoint, tmp_path: Path
) -> None:
    """From the first call that is opened to the last answer that is kept."""
    changes = paid(endpoint, 100_000, 1)
    unharmed = tmp_path / "unharmed"
    assert server.run(unharmed, **changes)["status"] == 0
    killed = 0
    for n in range(1, 1000):
        endpoint.billed.clear()
        folder = tmp_path / str(n)
        status = server.run(folder, kill_at=n, **changes)["status"]
        kept = contents(folder) if (folder / FILE).exists() else {}
        if status == 0 or any(phase == "annotate" for _, phase, _ in kept.get("traces", [])):
            break
        if kept.get("calls"):
            killed += 1
            known = {row[0] for row in kept["calls"] if "answered" in row}
            assert server.run(folder, **changes)["status"] == 0
            after = contents(folder)
            assert after["traces"] == contents(unharmed)["traces"], f"killed at instant {n}: another run"
            lost = [row for row in after["calls"] if "lost" in row]
            assert {row[0] for row in after["calls"] if "answered" in row} >= known
            assert len(lost) <= 4 - len(known), "only what was under way can be lost"
            bought = sum(endpoint.billed.values())
            assert 4 <= bought <= 4 + len(lost), f"killed at instant {n}: an answer that was kept was bought again"
        shutil.rmtree(folder, ignore_errors=True)
    assert killed >= 4, "calls were opened, answered and kept in between"


@pytest.mark.parametrize("seed", range(3))
def test_no_cap_is_exceeded_whatever_fails_and_however_often_it_is_killed(
    server: KillServer, endpoint: SolverEndpoint, tmp_path: Path, seed: int
) -> None:
    """As the provider counts, who bills each answer that it sends, heard or not."""
    dice = random.Random(seed)
    endpoint.share, endpoint.seed = 0.2, seed
    endpoint.faults = ["429", "500", "reset", "cut off", "garbage"]
    cap = 9000 + dice.randrange(4000)
    changes = paid(endpoint, cap, 3, concurrency=dice.choice([1, 3, 8]))
    kills = 0
    while server.run(tmp_path, kill_at=dice.randrange(12, 70), **changes)["status"] == -9:
        kills += 1
        assert endpoint.billed_tokens <= cap
        assert kills < 30
    with Ledger(tmp_path, read_only=True) as ledger:
        spent = ledger.calls.spent()
        lost = ledger.calls.spent(outcomes=("lost",))
    assert endpoint.billed_tokens <= spent.tokens <= cap
    assert kills
    assert spent.tokens - lost.tokens <= endpoint.billed_tokens, "what was heard is counted as it was billed"


def test_a_call_that_can_not_be_opened_costs_no_other_its_answer(tmp_path: Path) -> None:
    """They are written in one transaction, as far as that goes."""
    usage = Usage(calls=1, input_tokens=5)

    def full() -> None:
        raise StorageError("no room")

    with Ledger(tmp_path) as ledger:
        for key in "ab":
            ledger.calls.open(key, 1, "q", "{}", usage)
        together = Together(ledger)

        async def both() -> list[Any]:
            settles = [together.write(partial(ledger.calls.settle, key, "answer", usage)) for key in "ab"]
            return list(await asyncio.gather(settles[0], together.write(full), settles[1], return_exceptions=True))

        told = asyncio.run(both())
        assert [type(error).__name__ for error in told] == ["NoneType", "StorageError", "NoneType"]
        assert [ledger.calls.reply(key) for key in "ab"] == ["answer", "answer"]
