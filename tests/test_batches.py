"""A paid teacher that is asked in batches: what it leaves unanswered is bought again, and nothing is paid twice."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elad import store
from elad.budget import Price, Usage
from elad.errors import Interrupted, TeacherError, TeacherRefuses
from elad.ledger import FILE, Ledger
from elad.loop import distil
from elad.recipe import Recipe
from elad.teacher import bulk
from tests.endpoint import KEY, SolverEndpoint, asked
from tests.runs import contents, small_recipe
from tests.test_durability import KillServer, weights

PRICE = {"input": 1, "output": 3, "batch": "0.5"}
ONE_ROUND = [{"kind": "budget", "rounds": 1}]


def bought(endpoint: SolverEndpoint, **teacher: Any) -> dict[str, Any]:
    how = asked(endpoint, price=PRICE)
    return {"teacher": {**how, "mode": "batch", "poll": 0.01, **teacher}, "budget": {"tokens": 100_000}}


def paid(student: Path, endpoint: SolverEndpoint, **teacher: Any) -> Recipe:
    return small_recipe(student, **bought(endpoint, **teacher))


def spent(folder: Path) -> Usage:
    with Ledger(folder, read_only=True) as ledger:
        return ledger.calls.spent()


def came_to(folder: Path) -> Any:
    """What a run came to, however it was bought."""
    kept = contents(folder)
    return kept["traces"], kept["questions"], weights(folder)


def calls(folder: Path) -> list[tuple[Any, ...]]:
    """The calls of a run that were answered, but for the names of their batches."""
    return [row[:-1] for row in contents(folder)["calls"] if "lost" not in row]


@pytest.fixture
def direct(endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path) -> Path:
    """A run whose calls were made one by one."""
    folder = tmp_path / "direct"
    distil(paid(minimal_student, endpoint, mode="direct"), folder)
    return folder


def test_in_batches_a_run_comes_to_the_same_for_less(
    endpoint: SolverEndpoint, direct: Path, minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert endpoint.batches
    one_by_one = dict(endpoint.billed)
    endpoint.billed.clear()
    told: list[str] = []
    monkeypatch.setattr(bulk, "say", told.append)
    distil(paid(minimal_student, endpoint), tmp_path / "batch")
    assert came_to(tmp_path / "batch") == came_to(direct)
    assert dict(endpoint.billed) == one_by_one
    once, batch = spent(direct), spent(tmp_path / "batch")
    assert batch == once.in_a_batch()
    price = Price.model_validate(PRICE)
    assert price.of(batch) == price.of(once) / 2 > 0
    assert len(endpoint.batches.batches) == 3, "one a round"
    assert told[-1].endswith("completed, 3 answered")


@pytest.mark.parametrize(
    "faults",
    [
        ["partial"],
        ["shuffled", "doubled", "strangers"],
        ["expired"],
        ["cancelled", "partial", "partial"],
        ["errors", "errors", "all errors", "errors"],
        ["no completions"],
        ["garbled"],
        ["no form"],
    ],
    ids=" ".join,
)
def test_what_a_batch_leaves_unanswered_is_bought_again_and_that_alone(
    endpoint: SolverEndpoint, direct: Path, minimal_student: Path, tmp_path: Path, faults: list[str]
) -> None:
    assert endpoint.batches
    endpoint.billed.clear()
    endpoint.batches.faults = list(faults)
    distil(paid(minimal_student, endpoint), tmp_path / "batch")
    assert came_to(tmp_path / "batch") == came_to(direct)
    assert set(endpoint.billed.values()) == {1}, "each answer is paid for once"
    with Ledger(tmp_path / "batch", read_only=True) as ledger:
        assert ledger.calls.spent(outcomes=("answered",)) == spent(direct).in_a_batch()
        lost = ledger.calls.spent(outcomes=("lost",))
    uncertain = sum(fault in ("no completions", "garbled") for fault in faults)
    assert lost.calls == lost.untold_calls == uncertain, "what may have been billed is counted"
    if faults == ["partial"]:
        assert sorted(endpoint.batches.sent.values()) == [1] * 8 + [2]


def test_where_replies_are_spoilt_nothing_is_created_twice(
    endpoint: SolverEndpoint, direct: Path, minimal_student: Path, tmp_path: Path
) -> None:
    """Every second reply, of whatever kind: what was asked for is done all the same."""
    assert endpoint.batches
    endpoint.billed.clear()
    endpoint.batches.spoilt, endpoint.batches.page = 2, 1
    distil(paid(minimal_student, endpoint), tmp_path / "batch")
    assert came_to(tmp_path / "batch") == came_to(direct)
    assert len(endpoint.batches.batches) == 3
    assert set(endpoint.billed.values()) == {1}


def test_a_batch_holds_no_more_than_it_may(
    endpoint: SolverEndpoint, direct: Path, minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert endpoint.batches
    for most, limit, batches in (("MOST_ROWS", 2, 6), ("MOST_BYTES", 3000, 9)):
        endpoint.batches.batches.clear()
        with monkeypatch.context() as smaller:
            smaller.setattr(bulk, most, limit)
            distil(paid(minimal_student, endpoint), tmp_path / most)
        assert came_to(tmp_path / most) == came_to(direct)
        assert len(endpoint.batches.batches) == batches


def test_a_row_that_fails_in_batch_after_batch_is_given_up_and_free(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    assert endpoint.batches
    endpoint.batches.faults = ["errors", "all errors"]
    distil(paid(minimal_student, endpoint, tries=2), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert [reason for _, reason in ledger.unusable()] == ["no answer in 2 tries (the last: status 500)"]
        assert ledger.calls.spent().calls == 8
    assert max(endpoint.batches.sent.values()) == 2


def test_an_endpoint_that_fails_every_row_stops_the_run_and_costs_nothing(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    assert endpoint.batches
    endpoint.batches.faults = ["all errors"] * 2
    recipe = paid(minimal_student, endpoint, tries=2)
    with pytest.raises(TeacherError, match=r"most of the last calls came to nothing; the last: status 500"):
        distil(recipe, tmp_path)
    assert set(endpoint.batches.sent.values()) == {2}
    assert spent(tmp_path) == Usage()
    distil(recipe, tmp_path)
    assert spent(tmp_path).calls == 9, "and the same command goes on"


@pytest.mark.parametrize(
    ("fault", "told"),
    [("failed", "takes no such batch .*Enqueued token limit reached"), ("refused", "status 404: no such model")],
)
def test_what_no_batch_betters_stops_the_run_with_the_reason(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, fault: str, told: str
) -> None:
    assert endpoint.batches
    endpoint.batches.faults = [fault]
    recipe = paid(minimal_student, endpoint)
    with pytest.raises(TeacherRefuses, match=f"{told}.*the same command goes on"):
        distil(recipe, tmp_path)
    answered = {"failed": 0, "refused": 2}[fault]
    assert spent(tmp_path).calls == answered, "what was answered is kept"
    distil(recipe, tmp_path)
    assert spent(tmp_path).calls == 9
    assert set(endpoint.billed.values()) == {1}


def test_a_question_that_it_can_not_take_is_unusable_and_free(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    assert endpoint.batches
    endpoint.batches.faults = ["declined"] * 3
    distil(paid(minimal_student, endpoint), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert [reason for _, reason in ledger.unusable()] == ["blocked by content_filter"] * 3
        assert ledger.calls.spent(outcomes=("refused",)).tokens == 0


def test_an_endpoint_without_batches_is_told_before_anything_is_asked(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    endpoint.batches = None
    with pytest.raises(TeacherRefuses, match=r"teacher.mode: .* has no batches; buy there with mode: direct"):
        distil(paid(minimal_student, endpoint), tmp_path)


def test_the_key_is_kept_nowhere_and_told_nowhere(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    """Also where an endpoint repeats it: in answers, in what it says of a row, in what it says of a batch."""
    assert endpoint.batches
    endpoint.extra = endpoint.batches.extra = {"message": f"you are {KEY}"}
    endpoint.batches.faults = ["errors", "failed"]
    with pytest.raises(TeacherError, match=r"you are \(the key\)") as failed:
        distil(paid(minimal_student, endpoint, tries=1), tmp_path)
    assert KEY not in str(failed.value)
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes(), file


def test_usage_within_batches_is_added_and_taken_away() -> None:
    one, price = Usage(calls=1, input_tokens=4, output_tokens=2), Price.model_validate(PRICE)
    assert one.in_a_batch().in_a_batch() == one.in_a_batch() != one == one.in_a_batch().by_itself()
    both = one + one.in_a_batch()
    assert price.of(both) == price.of(one) * 3 / 2
    assert price.of(both - one.in_a_batch()) == price.of(one)
    assert price.of(both - one) == price.of(one) / 2


def test_how_an_answer_is_bought_makes_no_other_answer(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one run bought call by call, another one reuses as if it had bought it in batches, and the other way."""
    monkeypatch.setenv("ELAD_ANSWERS", str(tmp_path / "answers.sqlite"))
    assert store.place()
    distil(paid(minimal_student, endpoint), tmp_path / "batch")
    billed = dict(endpoint.billed)
    distil(paid(minimal_student, endpoint, mode="direct", poll=60.0), tmp_path / "direct")
    distil(paid(minimal_student, endpoint), tmp_path / "again")
    assert dict(endpoint.billed) == billed
    assert spent(tmp_path / "again") == spent(tmp_path / "batch") == spent(tmp_path / "direct").in_a_batch()


@pytest.mark.parametrize("caps", [{"tokens": 6000}, {"calls": 5}, {"money": "0.0025"}], ids=str)
def test_no_cap_is_ever_exceeded_also_across_a_resume(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caps: Any
) -> None:
    """At every commit, what was spent and what the open calls may cost at most stays below the cap."""
    assert endpoint.batches
    changes = {**bought(endpoint), "budget": caps, "stop": [{"kind": "budget"}]}
    recipe = small_recipe(minimal_student, **changes)
    commit = Ledger.commit
    open_at_once: set[int] = set()
    price = Price.model_validate(PRICE)

    def checked(ledger: Ledger) -> None:
        commit(ledger)
        bounds = ledger.read("SELECT bound FROM calls WHERE outcome = 'open'").fetchall()
        open_at_once.add(len(bounds))
        most = sum((Usage.model_validate_json(row[0]) for row in bounds), ledger.calls.spent())
        assert most.calls <= (recipe.budget.calls or most.calls)
        assert most.tokens <= (recipe.budget.tokens or most.tokens)
        assert price.of(most) <= (recipe.budget.money or price.of(most))

    monkeypatch.setattr(Ledger, "commit", checked)
    distil(recipe, tmp_path / "at once")
    assert max(open_at_once) > 1, "batches are of more than a call"

    look, looks = endpoint.batches._look, 0

    def stop_now_and_then() -> None:
        raise Interrupted

    def looked(batch: dict[str, Any]) -> dict[str, Any]:
        nonlocal looks
        looks += 1
        if looks % 3 == 2:
            monkeypatch.setattr("elad.teacher.waiting.heed", stop_now_and_then)
        return look(batch)

    monkeypatch.setattr(endpoint.batches, "_look", looked)
    monkeypatch.setattr("elad.teacher.waiting._HEED_EVERY", 0.005)
    stops = 0
    while True:
        monkeypatch.setattr("elad.teacher.waiting.heed", lambda: None)
        try:
            distil(recipe, tmp_path / "resumed")
            break
        except Interrupted:
            stops += 1
    assert stops > 1
    assert came_to(tmp_path / "resumed") == came_to(tmp_path / "at once")
    assert spent(tmp_path / "resumed") == spent(tmp_path / "at once")


@pytest.fixture(scope="module")
def server(minimal_student: Path) -> Iterator[KillServer]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("OPENAI_API_KEY", KEY)
        server = KillServer(minimal_student)
    yield server
    server.close()


def how_far(_: str, file: str | None, id: str | None, ended: int) -> str:
    """How far a batch had come, as its row tells it."""
    return "ended" if ended else "created" if id else "uploaded" if file else "planned"


def test_killed_at_every_write_and_request_it_resumes_to_the_same_and_pays_once(
    server: KillServer, endpoint: SolverEndpoint, tmp_path: Path
) -> None:
    """From the plan of a batch to what was made of it: what comes before and after is in `test_durability.py`."""
    assert endpoint.batches
    endpoint.batches.looks = 1
    changes = {**bought(endpoint), "stop": ONE_ROUND}
    unharmed = tmp_path / "unharmed"
    assert server.run(unharmed, **changes)["status"] == 0
    billed = dict(endpoint.billed)
    assert set(billed.values()) == {1}
    resumed = []
    for n in range(1, 1000):
        endpoint.billed.clear()
        endpoint.batches.batches.clear()
        folder = tmp_path / str(n)
        assert server.run(folder, kill_at=n, **changes)["status"] == -9
        kept = contents(folder) if (folder / FILE).exists() else {}
        if not kept.get("batches"):
            continue
        if any(phase == "annotate" for _, phase, _ in kept["traces"]):
            break
        assert server.run(folder, **changes)["status"] == 0
        assert came_to(folder) == came_to(unharmed), f"killed at instant {n}: another run"
        assert calls(folder) == calls(unharmed), f"killed at instant {n}: other calls"
        assert dict(endpoint.billed) == billed, f"killed at instant {n}: an answer was not paid for once"
        assert len(endpoint.batches.batches) == 1, f"killed at instant {n}: a batch was created twice"
        resumed.append(how_far(*kept["batches"][0]))
        shutil.rmtree(folder)
    assert resumed == ["planned"] * 3 + ["uploaded"] * 3 + ["created"] * 7 + ["ended"]


def test_interrupted_while_it_waits_it_ends_soon_and_takes_the_batch_up_again(
    server: KillServer, endpoint: SolverEndpoint, tmp_path: Path
) -> None:
    assert endpoint.batches
    endpoint.batches.looks = 10**9
    changes = {**bought(endpoint), "stop": ONE_ROUND}
    assert server.run(tmp_path, kill_at=25, signal="INT", **changes)["status"] == 130
    assert "GET batches/..." in endpoint.batches.log
    endpoint.batches.looks = 0
    assert server.run(tmp_path, **changes)["status"] == 0
    assert len(endpoint.batches.batches) == 1
    assert spent(tmp_path).calls == 3


def test_answers_that_a_batch_does_not_hand_out_count_as_paid(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that all are answered, and its file is not there, or empty."""
    assert endpoint.batches
    work = endpoint.batches._work
    for name, change in (("no file", {"output_file_id": None}), ("empty", {"output_file_id": "file-empty"})):
        endpoint.batches.files["file-empty"] = b""

        def withheld(batch: dict[str, Any], change: dict[str, Any] = change) -> None:
            work(batch)
            batch |= change

        monkeypatch.setattr(endpoint.batches, "_work", withheld)
        endpoint.billed_tokens = 0
        recipe = paid(minimal_student, endpoint)
        cap = recipe.budget.model_copy(update={"tokens": 9000})
        distil(recipe.model_copy(update={"budget": cap}), tmp_path / name)
        assert 0 < endpoint.billed_tokens <= spent(tmp_path / name).tokens <= 9000


def test_a_batch_is_taken_up_whatever_the_mode_is_then(
    server: KillServer, endpoint: SolverEndpoint, minimal_student: Path, direct: Path, tmp_path: Path
) -> None:
    endpoint.billed.clear()
    folder = tmp_path / "run"
    assert server.run(folder, kill_at=25, **bought(endpoint))["status"] == -9
    with Ledger(folder, read_only=True) as ledger:
        assert ledger.batches.unfinished()
    distil(paid(minimal_student, endpoint, mode="direct"), folder)
    assert came_to(folder) == came_to(direct)
    assert set(endpoint.billed.values()) == {1}
    batched = spent(folder).batched
    assert batched is not None
    assert batched.calls == 3, "what the batch answered is paid for as a batch"


def test_a_batch_that_is_gone_stops_the_run_until_it_is_let_go(
    server: KillServer, endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    assert endpoint.batches
    assert server.run(tmp_path, kill_at=25, **bought(endpoint))["status"] == -9
    endpoint.batches.batches.clear()
    recipe = paid(minimal_student, endpoint)
    with pytest.raises(TeacherRefuses, match=r"has the batch \w+ no more .*teacher.gone_batch=lost"):
        distil(recipe, tmp_path)
    distil(paid(minimal_student, endpoint, gone_batch="lost"), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert ledger.calls.spent(outcomes=("lost",)).calls == 3
        assert ledger.calls.spent(outcomes=("answered",)).calls == 9


@pytest.mark.parametrize(
    "odd",
    [
        {"request_counts": [1]},
        {"errors": ["boom"], "status": "failed"},
        {"errors": [{"message": "no"}], "status": "failed"},
        {"status": None},
        {"id": 7},
    ],
    ids=str,
)
def test_odd_things_that_are_said_of_a_batch_are_no_traceback(
    endpoint: SolverEndpoint,
    minimal_student: Path,
    tmp_path: Path,
    odd: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert endpoint.batches
    look = endpoint.batches._look
    monkeypatch.setattr(endpoint.batches, "_look", lambda batch: {**look(batch), **odd})
    with pytest.raises(TeacherError, match=r"can't be asked \(an answer with no good|takes no such batch"):
        distil(paid(minimal_student, endpoint, tries=1), tmp_path)


@pytest.mark.parametrize(
    "row",
    [{"error": "boom"}, {"response": {"status_code": None, "body": {}}}, {"response": {"status_code": "500"}}],
    ids=str,
)
def test_odd_rows_are_asked_again(
    endpoint: SolverEndpoint,
    minimal_student: Path,
    tmp_path: Path,
    row: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert endpoint.batches
    answered, odd = endpoint.batches._answered, [row] * 2
    monkeypatch.setattr(
        endpoint.batches, "_answered", lambda r: {"custom_id": r["custom_id"], **odd.pop()} if odd else answered(r)
    )
    distil(paid(minimal_student, endpoint), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert ledger.counts()["annotated"] == 9


@pytest.mark.parametrize("refused", ["POST files", "POST batches"])
def test_a_batch_that_is_not_taken_leaves_the_folder_free(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, refused: str
) -> None:
    """It may be bought one by one then."""
    assert endpoint.batches
    serve = endpoint.batches.serve

    def strict(method: str, url: str, kind: str, content: bytes) -> tuple[int, object]:
        told = f"{method} {url.removeprefix('/v1/').partition('?')[0]}"
        return (413, {"error": {"message": "too large"}}) if told == refused else serve(method, url, kind, content)

    endpoint.batches.serve = strict  # type: ignore[method-assign]
    with pytest.raises(TeacherRefuses, match="status 413: too large"):
        distil(paid(minimal_student, endpoint), tmp_path)
    distil(paid(minimal_student, endpoint, mode="direct"), tmp_path)
    assert set(endpoint.billed.values()) == {1}
    assert spent(tmp_path).calls == 9
