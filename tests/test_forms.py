"""What endpoints differ in: the forms that they take, the usage that they tell, the names that they answer by."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from elad.budget import Usage
from elad.errors import InputError, RunFolderError, TeacherError, TeacherRefuses
from elad.ledger import Ledger
from elad.loop import distil
from elad.recipe import Recipe, load_recipe
from elad.report import markdown, summary
from elad.teacher import Endpoint, completions
from tests.endpoint import KEY, SolverEndpoint, asked
from tests.runs import contents, small_recipe


def paid(student: Path, endpoint: SolverEndpoint, **teacher: Any) -> Recipe:
    return small_recipe(student, teacher=asked(endpoint, **teacher), budget={"tokens": 100_000})


def old(body: dict[str, Any]) -> str | None:
    """An endpoint of an older kind: it knows JSON mode at most, and the cap by its other name."""
    if "max_completion_tokens" in body:
        return "Unrecognized request argument supplied: max_completion_tokens"
    if body.get("response_format", {}).get("type") == "json_schema":
        return "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
    return None


def older(body: dict[str, Any]) -> str | None:
    return old(body) or ("unknown field response_format" if "response_format" in body else None)


@pytest.mark.parametrize(
    ("knows", "forms"),
    [(old, {"reply": "json_object", "limit": "max_tokens"}), (older, {"reply": "text", "limit": "max_tokens"})],
    ids=["old", "older"],
)
def test_forms_are_found_out_for_free_once_and_remembered(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, knows: Any, forms: dict[str, str]
) -> None:
    distil(paid(minimal_student, endpoint), tmp_path / "new")
    endpoint.knows = knows
    recipe = paid(minimal_student, endpoint, concurrency=1)
    first = recipe.model_copy(update={"stop": (recipe.stop[0].model_copy(update={"rounds": 1}),)})
    endpoint.bodies.clear()
    distil(first, tmp_path / "old")
    assert len(endpoint.bodies) == 3 + len(forms) + (forms["reply"] == "text"), "a refusal each, which costs nothing"
    with Ledger(tmp_path / "old", read_only=True) as ledger:
        assert json.loads(ledger.fact("how the teacher is asked") or "") == forms
        assert ledger.calls.spent().calls == 3
    endpoint.bodies.clear()
    declared = paid(minimal_student, endpoint, **forms)
    distil(declared, tmp_path / "declared")
    assert len(endpoint.bodies) == 9, "declared, nothing is found out"
    told = [contents(tmp_path / name)["traces"] for name in ("new", "declared")]
    assert _without_calls(told[0]) == _without_calls(told[1])


def test_what_was_found_out_is_known_when_a_run_goes_on(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.knows = old
    recipe = paid(minimal_student, endpoint, concurrency=1)
    endpoint.fails_after = 4
    with pytest.raises(TeacherRefuses, match="no more"):
        distil(recipe, tmp_path)
    endpoint.fails_after = None
    endpoint.bodies.clear()
    distil(recipe, tmp_path)
    assert all("max_tokens" in body and body["response_format"]["type"] == "json_object" for body in endpoint.bodies)


def test_what_a_recipe_declares_is_not_changed(endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path) -> None:
    endpoint.knows = old
    with pytest.raises(TeacherRefuses, match="json_schema' is not supported"):
        distil(paid(minimal_student, endpoint, reply="json_schema", limit="max_tokens", concurrency=1), tmp_path)


def test_another_model_that_answers_stops_the_run_until_it_is_named(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    endpoint.extra = {"model": "cheap-0"}
    with pytest.raises(TeacherError, match=r"'solver-1' was asked and 'cheap-0' answered.*teacher.also_known_as"):
        distil(paid(minimal_student, endpoint, concurrency=1), tmp_path)
    assert sum(endpoint.billed.values()) == 1
    distil(paid(minimal_student, endpoint, concurrency=1, also_known_as=["cheap-0"]), tmp_path)
    assert set(endpoint.billed.values()) == {1}, "what was paid for before it was named is not bought again"
    assert sum(endpoint.billed.values()) == 9


@pytest.mark.parametrize("name", ["solver-1-2026-01-01", "openai/solver-1", "Solver-1", None, ""])
def test_one_model_has_several_names(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, name: str | None
) -> None:
    endpoint.extra = {"model": name}
    distil(paid(minimal_student, endpoint), tmp_path)
    assert sum(endpoint.billed.values()) == 9


def test_usage_is_kept_by_class() -> None:
    body = {
        "choices": [{"message": {"content": "x"}}],
        "usage": {
            "prompt_tokens": 300,
            "completion_tokens": 90,
            "prompt_tokens_details": {"cached_tokens": 256, "cache_write_tokens": 20},
            "completion_tokens_details": {"reasoning_tokens": 64},
        },
    }
    expected = Usage(
        calls=1, input_tokens=300, output_tokens=90, cached_tokens=256, written_tokens=20, reasoning_tokens=64
    )
    assert completions.usage(body) == expected
    twice = json.dumps(body)[:-1] + ', "usage": ' + json.dumps(body["usage"]) + "}"
    assert completions.usage(json.loads(twice)) == expected, "usage that is told twice is counted once"
    streamed = {**body, "x_groq": {"usage": body["usage"]}}
    assert completions.usage(streamed) == expected


def test_usage_that_is_not_told_is_marked(endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path) -> None:
    endpoint.without_usage = True
    distil(paid(minimal_student, endpoint), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        spent = ledger.calls.spent()
        report = markdown(summary(ledger))
    assert spent.untold_calls == 9
    assert spent.output_tokens == 9 * 200
    assert "9 calls count at their bounds, as what they cost was not told" in report


def test_a_reply_that_is_cut_off_is_asked_for_once_more(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    endpoint.always = 200, {"choices": [{"message": {"content": '{"flaw": 1, "st'}, "finish_reason": "length"}]}
    distil(paid(minimal_student, endpoint), tmp_path)
    assert "be shorter" in endpoint.bodies[-1]["messages"][-1]["content"]
    assert len(endpoint.bodies) == 18
    with Ledger(tmp_path, read_only=True) as ledger:
        assert set(_outcomes(ledger)) == {"truncated"}
        assert all("cut off where the cap" in reason for _, reason in ledger.unusable())


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"message": {"content": "half a"}, "finish_reason": "content_filter"}, "content filter ended the reply"),
        ({"message": {"content": ""}, "finish_reason": "length"}, r"the reply is empty \(it ended by length\)"),
        ({"message": {"content": None, "refusal": "no"}}, "no"),
    ],
    ids=["filtered", "all thought, nothing said", "refused"],
)
def test_what_is_declined_is_paid_for_once(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, choice: dict[str, Any], told: str
) -> None:
    endpoint.always = 200, {"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 5}}
    distil(paid(minimal_student, endpoint), tmp_path)
    assert len(endpoint.bodies) == 9
    with Ledger(tmp_path, read_only=True) as ledger:
        assert set(_outcomes(ledger)) == {"refused"}
        assert ledger.calls.spent().tokens == 90


def test_raw_replies_are_kept_whole(endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path) -> None:
    endpoint.extra = {"service_tier": "default", "id": "chatcmpl-7"}
    distil(paid(minimal_student, endpoint), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        for call in ledger.calls.answered():
            kept = json.loads(call.reply or "")
            assert kept["id"] == "chatcmpl-7"
            assert kept["choices"][0]["message"]["content"]


def _outcomes(ledger: Ledger) -> list[str]:
    return [call.outcome for call in ledger.calls.answered()]


def _without_calls(traces: list[tuple[Any, ...]]) -> list[Any]:
    """What phases came to, but for the keys of the calls, which say how the teacher was asked."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: bare(inner) for name, inner in value.items() if name != "calls"}
        return [bare(inner) for inner in value] if isinstance(value, list) else value

    return [(round, phase, bare(json.loads(body))) for round, phase, body in traces]


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": True, "completion_tokens": 5}, None),
        ({"prompt_tokens": 5.0, "completion_tokens": 5}, None),
        ({"prompt_tokens": "5", "completion_tokens": 5}, None),
        ({"prompt_tokens": 300, "completion_tokens": 9, "total_tokens": 359}, (300, 59)),
    ],
    ids=str,
)
def test_usage_that_makes_no_sense_is_not_believed(usage: dict[str, Any], counted: tuple[int, int] | None) -> None:
    told = completions.usage({"usage": usage})
    assert (None if told is None else (told.input_tokens, told.output_tokens)) == counted


def test_more_input_than_there_can_be_stops_the_run(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    usage = {"prompt_tokens": 50_000, "completion_tokens": 5}
    endpoint.always = 200, {"choices": [{"message": {"content": '{"flaw": null}'}}], "usage": usage}
    with pytest.raises(TeacherError, match=r"50000 tokens and has at most .* no budget could be held"):
        distil(paid(minimal_student, endpoint, concurrency=1), tmp_path)
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gpt-5-mini", "gpt-5-mini-2025-08-07", True),
        ("gpt-4", "gpt-4-0613", True),
        ("/models/mine", "/models/mine@main", True),
        ("openai/gpt-5-mini", "GPT-5-mini", True),
        ("gemini-2.0-flash", "models/gemini-2.0-flash-001", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-5-mini", "gpt-5", False),
        ("o1", "o1-mini", False),
        ("gpt-4", "gpt-4-32k", False),
    ],
)
def test_a_smaller_sister_is_another_model(one: str, other: str, same: bool) -> None:
    assert completions.same_model(one, other) == completions.same_model(other, one) == same


@pytest.mark.parametrize("key", ["1", "none", "steps", "EMPTY"])
def test_a_key_that_is_no_secret_spoils_no_reply(
    minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with SolverEndpoint() as endpoint:
        endpoint.key = key
        distil(paid(minimal_student, endpoint), tmp_path)
        assert sum(endpoint.billed.values()) == 9
    with Ledger(tmp_path, read_only=True) as ledger:
        assert ledger.counts()["annotated"] == 9
        assert not any("(the key)" in (call.reply or "") for call in ledger.calls.answered())


@pytest.mark.parametrize("at", [0, 150, 185, 195])
@pytest.mark.parametrize("status", [400, 401])
def test_a_key_that_is_repeated_is_told_nowhere_not_even_in_part(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, at: int, status: int
) -> None:
    said = "context length " + "x" * at + " key " + KEY
    told = ""
    endpoint.always = status, {"error": {"message": said}}
    with suppress(TeacherRefuses):
        distil(paid(minimal_student, endpoint), tmp_path)
    try:
        distil(paid(minimal_student, endpoint), tmp_path)
    except TeacherRefuses as error:
        told = str(error)
    assert KEY[:8] not in told
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or KEY[:8].encode() not in file.read_bytes(), file


def test_a_key_in_a_reply_is_not_kept(endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path) -> None:
    endpoint.extra = {"system_fingerprint": f"Bearer {KEY}"}
    distil(paid(minimal_student, endpoint), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert all("(the key)" in (call.reply or "") for call in ledger.calls.answered())
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes(), file


def test_a_base_url_with_a_password_is_refused(endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    told = paid(minimal_student, endpoint).as_yaml()
    file.write_text(told.replace("http://", "http://u:TOPSECRET@"))
    with pytest.raises(InputError, match=r"teacher.base_url: .* no place for secrets: see key_from") as refused:
        load_recipe(file)
    assert "TOPSECRET" not in str(refused.value)


def test_a_page_in_place_of_an_endpoint_is_told_before_anything_is_asked(
    minimal_student: Path, tmp_path: Path, endpoint: SolverEndpoint
) -> None:
    endpoint.models = b"<!doctype html><title>it works</title>"
    with pytest.raises(TeacherRefuses, match=r"answers with a page.* /v1, missing\?"):
        distil(paid(minimal_student, endpoint), tmp_path)
    assert not endpoint.bodies


@pytest.mark.parametrize("said", ["context length \ud800", "context length \x00 \u202e"])
def test_odd_characters_of_a_refusal_are_kept_as_they_can_be(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, said: str
) -> None:
    endpoint.always = 400, {"error": {"message": said}}
    distil(paid(minimal_student, endpoint), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert ledger.counts()["unusable"] == 9


def test_how_it_is_asked_may_be_mended_in_the_same_folder(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    """As the error says: the same command goes on."""
    endpoint.knows = old
    with pytest.raises(TeacherRefuses, match="max_completion_tokens"):
        distil(paid(minimal_student, endpoint, reply="text", limit="max_completion_tokens"), tmp_path)
    distil(paid(minimal_student, endpoint, reply="text", limit="max_tokens"), tmp_path)
    assert set(endpoint.billed.values()) == {1}


def test_another_address_in_the_environment_is_another_teacher(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
    recipe = paid(minimal_student, endpoint, base_url=None)
    distil(recipe, tmp_path)
    with SolverEndpoint() as other:
        monkeypatch.setenv("OPENAI_BASE_URL", other.url)
        with pytest.raises(RunFolderError, match=r"teacher.url: .* here, .* there"):
            distil(recipe, tmp_path)


def test_what_is_not_set_is_no_part_of_who_is_asked() -> None:
    """So that a field that is new one day makes no answer another's."""
    plain = Endpoint(model="m", base_url="http://h/v1")
    assert plain.identity() == {"kind": "openai", "model": "m", "url": "http://h/v1"}
    set_to = {"temperature": 0.0, "seed": 0, "reasoning_effort": "low", "logprobs": True}
    assert Endpoint(model="m", base_url="http://h/v1", **set_to).identity() == {**plain.identity(), **set_to}


def test_what_is_declared_stands_over_what_was_learnt() -> None:
    declared = Endpoint(model="m", reply="json_schema", limit="max_tokens")
    declared.recall({"reply": "text", "limit": "max_completion_tokens"})
    assert declared.forms.now == {"reply": "json_schema", "limit": "max_tokens"}


def test_another_models_reply_is_not_used_after_a_restart(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path
) -> None:
    """Unless the two are said to be one."""
    endpoint.extra = {"model": "cheap-0"}
    with pytest.raises(TeacherError, match="'cheap-0' answered"):
        distil(paid(minimal_student, endpoint, concurrency=1), tmp_path)
    endpoint.extra = {}
    distil(paid(minimal_student, endpoint, concurrency=1), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        assert ledger.counts()["annotated"] == 8
        assert [reason[:21] for _, reason in ledger.unusable()] == ["'solver-1' was asked "]


def test_passwords_of_the_environment_are_told_nowhere(
    endpoint: SolverEndpoint, minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = paid(minimal_student, endpoint, tries=1)
    monkeypatch.setenv("OPENAI_BASE_URL", "https://bob:hunter2@127.0.0.1/v1")
    with pytest.raises(TeacherRefuses, match="names a user or a password") as refused:
        distil(paid(minimal_student, endpoint, base_url=None), tmp_path / "url")
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.setenv("no_proxy", "")
    for proxy in ("http://bob:hunter2@127.0.0.1:9", "socks5://bob:hunter2@127.0.0.1:9", "bob:hunter2@127.0.0.1:9"):
        monkeypatch.setenv("http_proxy", proxy)
        with pytest.raises(TeacherRefuses, match="can't be reached") as proxied:
            distil(recipe, tmp_path / "proxy")
        assert "hunter2" not in str(proxied.value)
    assert "hunter2" not in str(refused.value)
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or b"hunter2" not in file.read_bytes(), file
