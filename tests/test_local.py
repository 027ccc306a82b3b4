"""A teacher in this process: counted by its own tokenizer, the same whoever else is asked."""

from pathlib import Path

import pytest

from elad.annotate import Rationale
from elad.budget import Caps
from elad.errors import InputError
from elad.ledger import Ledger
from elad.loop import distil
from elad.records import Attempt, Evidence, Explanation, Question
from elad.teacher import Ask, Desk, Local, Request
from tests.models import chat_student
from tests.runs import contents, small_recipe


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chat_student(tmp_path_factory.mktemp("model"), ["How many wheels have three cars?"] * 20)


def requests(count: int) -> list[Request]:
    nothing = Explanation(steps=(), answer=None)
    asked = [Question(id=str(n), text=f"How many wheels have {n} cars?") for n in range(count)]
    attempts = [Attempt(question=one, explanation=nothing, evidence=Evidence(steps=())) for one in asked]
    return [Rationale().request(attempt, 12) for attempt in attempts]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_answer_depends_on_its_request_alone(model: Path, tmp_path: Path, temperature: float) -> None:
    asks = [Ask(str(number), request, lambda reply: reply) for number, request in enumerate(requests(4))]
    told = []
    for name, order in (("one", asks), ("other", asks[::-1])):
        teacher = Local(model=str(model), temperature=temperature, device="cpu")
        with Ledger(tmp_path / name) as ledger:
            answers = Desk(teacher, ledger, Caps(calls=9)).ask(1, order)
            told.append({answer.call: answer.said for answer in answers})
            spent = ledger.calls.spent()
    assert told[0] == told[1]
    assert 4 <= spent.output_tokens <= 4 * 12
    assert spent.input_tokens <= sum(teacher.bound(ask.request).input_tokens for ask in asks)
    texts = {said.text for said in told[0].values() if said}
    assert texts
    if temperature:
        assert len(texts) == 4, "each has dice of its own"


def test_samples_differ_and_each_stays_what_it_is(model: Path) -> None:
    teacher = Local(model=str(model), temperature=1.0, device="cpu")
    request = requests(1)[0]
    written = [teacher._write(request.model_copy(update={"sample": sample})).raw for sample in (0, 1, 2, 0)]
    assert written[0] == written[3]
    assert len(set(written)) == 3


def test_a_run_asks_it_and_keeps_what_it_said(model: Path, minimal_student: Path, tmp_path: Path) -> None:
    """What an untrained model says is nonsense: every question ends as unusable, with the reason."""
    teacher = {"kind": "local", "model": str(model), "max_output_tokens": 8, "device": "cpu"}
    recipe = small_recipe(minimal_student, teacher=teacher, stop=[{"kind": "budget", "rounds": 1}])
    for name in ("one", "other"):
        distil(recipe, tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    with Ledger(tmp_path / "one", read_only=True) as ledger:
        assert {reason for _, reason in ledger.unusable()} == {"the reply is not JSON"}
        assert ledger.calls.spent().calls == 6, "asked once more each"


def test_a_model_that_is_not_there_is_told(minimal_student: Path, tmp_path: Path) -> None:
    teacher = {"kind": "local", "model": str(tmp_path / "nowhere")}
    with pytest.raises(InputError, match=r"teacher.model: .* can't be loaded as a language model"):
        distil(small_recipe(minimal_student, teacher=teacher), tmp_path / "run")
