"""A paid teacher behind a real socket: what fails for now is tried again, nothing is paid twice, nothing leaks."""

import asyncio
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from elad.errors import TeacherError, TeacherRefuses
from elad.ledger import Ledger
from elad.loop import distil
from elad.recipe import Recipe
from elad.teacher import retry, throttle
from tests.endpoint import FAULTS, KEY, UNCERTAIN, SolverEndpoint, asked
from tests.models import chat_student
from tests.runs import contents, small_recipe


def paid(student: Path, endpoint: SolverEndpoint, **teacher: Any) -> Recipe:
    return small_recipe(student, teacher=asked(endpoint, **teacher), budget={"tokens": 100_000})


def spent(folder: Path) -> Any:
    with Ledger(folder, read_only=True) as ledger:
        return ledger.calls.spent()


def without_lost(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """A ledger but for the tries that broke off, so that nobody knows whether they were billed."""
    kept = contents(folder)
    return {**kept, "calls": [row for row in kept["calls"] if "lost" not in row]}


def test_with_a_third_of_the_tries_failing_a_run_comes_to_the_same(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    recipe = paid(minimal_student, endpoint, timeout=1.5)
    distil(recipe, tmp_path / "well")
    bought, endpoint.share = dict(endpoint.billed), 0.3
    failed: set[str] = set()
    for seed in range(6):
        endpoint.billed.clear()
        endpoint.failed.clear()
        endpoint.seed = seed
        folder = tmp_path / f"ill {seed}"
        distil(recipe, folder)
        assert without_lost(folder) == contents(tmp_path / "well")
        assert dict(endpoint.billed) == bought, "every answer is paid for once"
        with Ledger(folder, read_only=True) as ledger:
            lost = ledger.calls.spent(outcomes=("lost",)).calls
        assert lost == sum(endpoint.failed[fault] for fault in UNCERTAIN), "what may have been billed is counted"
        failed |= set(endpoint.failed)
    assert failed == set(FAULTS), "all that can fail did"
    assert set(bought.values()) == {1}
    solver = small_recipe(
        minimal_student, budget={"tokens": 100_000}, teacher={"kind": "solver", "world": "arithmetic"}
    )
    distil(solver, tmp_path / "solver")
    assert spent(tmp_path / "well") == spent(tmp_path / "solver"), "to the token"


def test_only_what_endpoints_take_widely_is_sent(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    distil(paid(minimal_student, endpoint), tmp_path / "plain")
    assert set(endpoint.bodies[0]) == {"model", "messages", "max_completion_tokens", "response_format"}
    assert endpoint.bodies[0]["response_format"]["json_schema"]["strict"]
    endpoint.bodies.clear()
    told = {
        "reply": "text",
        "limit": "max_tokens",
        "temperature": 0.5,
        "seed": 3,
        "reasoning_effort": "low",
        "logprobs": True,
    }
    distil(paid(minimal_student, endpoint, **told), tmp_path / "other")
    assert set(endpoint.bodies[0]) == {
        "model",
        "messages",
        "max_tokens",
        "temperature",
        "seed",
        "reasoning_effort",
        "logprobs",
    }


def test_the_key_is_kept_nowhere(endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path) -> None:
    distil(paid(minimal_student, endpoint), tmp_path)
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes(), file


def test_a_key_that_is_refused_is_told_before_anything_is_asked(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    with pytest.raises(TeacherRefuses, match=r"status 401: no such key") as refused:
        distil(paid(minimal_student, endpoint), tmp_path)
    assert "sk-of-somebody-else" not in str(refused.value)
    assert not endpoint.bodies
    for broken in ("sk-se\ncret", "sk-“secret”"):
        monkeypatch.setenv("OPENAI_API_KEY", broken)
        with pytest.raises(TeacherRefuses, match=r"OPENAI_API_KEY in the environment is no key") as refused:
            distil(paid(minimal_student, endpoint), tmp_path)
        assert "cret" not in str(refused.value)
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    paid(minimal_student, endpoint).teacher.ready()
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(TeacherRefuses, match=r"set OPENAI_API_KEY in the environment"):
        distil(paid(minimal_student, endpoint, base_url=None), tmp_path / "other")


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, "forbidden"), (429, "insufficient_quota: add credit"), (404, "no such model"), (400, "unknown parameter")],
)
def test_what_no_try_betters_stops_the_run_at_once_and_costs_nothing(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, status: int, said: str
) -> None:
    recipe = paid(minimal_student, endpoint, concurrency=1)
    endpoint.always = status, {"error": {"message": said}}
    with pytest.raises(TeacherRefuses, match=rf"status {status}: {said}.*the same command goes on"):
        distil(recipe, tmp_path)
    assert sum(endpoint.tries.values()) == 1
    endpoint.always = None
    distil(recipe, tmp_path)
    assert spent(tmp_path).calls == 9, "and the same command goes on"


@pytest.mark.parametrize("concurrency", [1, 8])
def test_an_endpoint_that_stays_ill_stops_the_run_and_costs_nothing(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, concurrency: int, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = paid(minimal_student, endpoint, tries=3, concurrency=concurrency)
    endpoint.always = 503, {"error": {"message": "busy"}}
    with pytest.raises(TeacherError, match=r"most of the last calls came to nothing; the last: status 503"):
        distil(recipe, tmp_path)
    assert sum(endpoint.tries.values()) <= 3 * max(2, min(3, concurrency))
    assert "Traceback" not in capfd.readouterr().err
    endpoint.always = None
    distil(recipe, tmp_path)
    assert spent(tmp_path).calls == 9


def test_where_one_call_is_refused_the_others_are_not_tried_again(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "_FIRST", 100.0)
    endpoint.in_turn = [(429, "busy"), (429, "busy"), (403, "no more")]
    recipe = paid(minimal_student, endpoint, concurrency=3)
    with pytest.raises(TeacherRefuses, match="no more"):
        distil(recipe, tmp_path)
    assert sum(endpoint.tries.values()) == 3


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 5, "completion_tokens": None},
        {"total_tokens": 5},
        [1],
        {"prompt_tokens": -5, "completion_tokens": 1},
    ],
    ids=str,
)
def test_a_good_answer_with_odd_usage_is_bought_once_and_costs_its_bound(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, usage: Any
) -> None:
    answer = {"choices": [{"message": {"content": '{"unusable": "no"}'}}], "usage": usage}
    endpoint.always = 200, answer
    distil(paid(minimal_student, endpoint), tmp_path)
    assert sum(endpoint.tries.values()) == 9
    assert spent(tmp_path).output_tokens == 9 * 200


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([{"type": "text", "text": '{"unusable": "in parts"}'}], "in parts"),
        ('{"unusable": "\ud83d"}', "?"),
        (None, "I won't"),
        ('{"steps": ' + "[" * 20_000, "the reply is not JSON"),
    ],
    ids=["parts", "half a character", "refusal", "deep"],
)
def test_odd_replies_are_read_or_unusable(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, content: Any, told: str
) -> None:
    endpoint.always = 200, {"choices": [{"message": {"content": content, "refusal": "I won't"}}]}
    distil(paid(minimal_student, endpoint), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert {reason for _, reason in ledger.unusable()} == {told}


def test_an_endpoint_that_does_not_hold_to_the_cap_stops_the_run(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 5000}
    endpoint.always = 200, {"choices": [{"message": {"content": '{"flaw": null}'}}], "usage": usage}
    with pytest.raises(TeacherError, match=r"5000 tokens where at most 200 were asked for.*teacher.limit"):
        distil(paid(minimal_student, endpoint, concurrency=1), tmp_path)
    assert spent(tmp_path).calls == 1, "and it is kept"


@pytest.mark.parametrize(
    "said",
    [
        "context_length_exceeded",
        "This model's maximum context length is 4096 tokens",
        "the request exceeds the available context size",
        "prompt is too long",
        "blocked by content_filter",
    ],
)
def test_a_question_that_it_can_not_take_is_unusable_and_the_run_goes_on(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, said: str
) -> None:
    endpoint.always = 400, {"error": {"message": said}}
    distil(paid(minimal_student, endpoint), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert ledger.counts()["unusable"] == 9
        assert all(said in reason for _, reason in ledger.unusable())
        assert ledger.calls.spent().tokens == 0


WRONG = {
    "Well, let me think about it.": "the reply is not JSON",
    '{"flaw": 1, "steps": ["1 + 1': "the reply is not JSON",
    '{"flaw": "one"}': "the reply's 'flaw' is missing or of another kind than asked for",
    '{"flaw": null, "verdict": "fine"}': "the reply's 'verdict' is missing or of another kind than asked for",
    '{"flaw": 99, "why": "", "steps": [], "answer": "1"}': "the reply names step 99",
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("babbles", [1, 2])
def test_what_can_not_be_read_is_asked_once_more_with_the_reason_and_kept(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, babbles: int, wrong: str
) -> None:
    endpoint.babbles, endpoint.babble = babbles, wrong
    distil(paid(minimal_student, endpoint), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        counts, calls = ledger.counts(), ledger.calls.spent().calls
        reasons = {reason for _, reason in ledger.unusable()}
    assert calls == 18, "both replies are paid for, and kept"
    assert counts["annotated" if babbles == 1 else "unusable"] == 9
    assert all(reason.startswith(WRONG[wrong]) for reason in reasons)
    assert bool(reasons) == (babbles == 2)
    told = endpoint.bodies[-1]["messages"][-2:]
    assert told[0] == {"role": "assistant", "content": wrong}
    assert WRONG[wrong] in told[1]["content"]


def test_what_is_not_told_to_have_cost_costs_its_bound(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    distil(paid(minimal_student, endpoint), tmp_path / "told")
    endpoint.without_usage = True
    distil(paid(minimal_student, endpoint), tmp_path / "untold")
    assert spent(tmp_path / "untold").output_tokens == 9 * 200
    assert spent(tmp_path / "untold").input_tokens > spent(tmp_path / "told").input_tokens


def test_as_many_calls_are_under_way_as_are_borne(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that bears 20 at a time: it is found from below, and held to from above."""
    monkeypatch.setattr(throttle, "_PAUSE", 0.0)
    gate = throttle.Throttle(64)
    at_a_time: list[int] = []
    refused = 0
    for _ in range(300):
        most = int(gate.limit)
        at_a_time.append(most)
        with ExitStack() as calls:
            filled = [calls.enter_context(gate) for _ in range(most)]
            assert filled == [False] * (most - 1) + [True]
            for _ in range(min(most, 20)):
                gate.went_well()
            if most > 20:
                refused += most - 20
                gate.was_too_much()
    assert at_a_time[:3] == [8, 16, 32], "it begins low and doubles"
    assert 20 < max(at_a_time[4:]) <= 24, "finds out"
    assert refused < 80, "is seldom refused"
    assert sum(at_a_time) / len(at_a_time) > 16, "and keeps the line busy"


def test_a_limit_that_is_not_filled_is_not_raised() -> None:
    gate = throttle.Throttle(64)
    with gate as filled:
        assert not filled
    for _ in range(100):
        gate.was_too_much()
    assert gate.limit == 4, "calls that were under way together are refused together"
    assert throttle.Throttle(2).limit == 2


def test_the_time_that_it_asks_for_is_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def wait_for(event: Any, seconds: float) -> None:
        event.close()
        waited.append(seconds)
        raise TimeoutError

    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    tries = retry.Retry(6, asyncio.Event())
    soon = formatdate(time.time() + 30, usegmt=True)
    for after in ("7", "100000", None, soon, "soon"):
        assert asyncio.run(tries.again(retry.Failed("busy", after=retry.seconds(after))))
    assert not asyncio.run(tries.again(retry.Failed("busy"))), "six tries are five waits"
    for seconds, least in zip(waited, (7, 3600, 0, 27, 0), strict=True):
        assert least <= seconds <= least + 20


def test_an_endpoint_that_is_not_there_is_told(minimal_student: Path, tmp_path: Path) -> None:
    gone = {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    with pytest.raises(TeacherError, match=r"teacher.base_url: http://127.0.0.1:9/v1 can't be reached"):
        distil(small_recipe(minimal_student, teacher=gone), tmp_path)


@pytest.mark.slow
def test_another_projects_server_is_asked_and_told_what_it_cost(
    minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`transformers serve` with an untrained model: what it says is nonsense, what it counts is not."""
    for needed in ("fastapi", "uvicorn"):
        pytest.importorskip(needed, reason="transformers serve needs transformers[serving]")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    model = str(chat_student(tmp_path / "model", ["How many wheels have three cars?"] * 20))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", model, "--port", str(port)]
    with (
        open(tmp_path / "log", "wb") as log,
        subprocess.Popen([*command, "--device", "cpu"], stdout=log, stderr=log) as server,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/health", server)
            teacher = {
                "kind": "openai",
                "model": model,
                "base_url": f"{url}/v1",
                "reply": "text",
                "limit": "max_tokens",
            }
            recipe = small_recipe(
                minimal_student,
                teacher={**teacher, "max_output_tokens": 20},
                budget={"tokens": 100_000},
                stop=[{"kind": "budget", "rounds": 1}],
            )
            distil(recipe, tmp_path / "run")
        finally:
            server.terminate()
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert ledger.counts()["unusable"] == 3
        cost = ledger.calls.spent()
    assert cost.calls == 6
    assert 0 < cost.output_tokens <= 6 * 20
    assert cost.input_tokens > 500


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        assert server.poll() is None, "the server ended"
        with suppress(OSError), urllib.request.urlopen(url) as answer:
            if answer.status == 200:
                return
        time.sleep(0.5)
    raise AssertionError("the server did not start")
