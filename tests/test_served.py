"""A student that is served writes what it writes here; a real server, a real socket."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from elad.errors import InputError
from elad.fit import Optimiser
from elad.fit.fit import fit
from elad.records import Attempt, Needs, Question
from elad.student import Example, Served, Student
from elad.worlds import Arithmetic

HERE = f"{sys.executable} -m tests.completions {{model}} {{port}}"
VLLM = os.environ.get("ELAD_VLLM", "")
NEEDS = Needs(samples=2, rebuilds=2, removed=True, likelihood=True)


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return list(Arithmetic(size="small", count=6, seed=3).questions())


@pytest.fixture(scope="module")
def local() -> Student:
    return Student.load("tiny", most=40)


@pytest.fixture(scope="module")
def served() -> Iterator[Student]:
    student = Student.load("tiny", most=40, served=Served(command=HERE, patience=60))
    yield student
    student.changing()


def assert_served_as_local(served: list[Attempt], local: list[Attempt], within: float) -> None:
    assert [a.explanation for a in served] == [a.explanation for a in local]
    for one, other in zip(served, local, strict=True):
        np.testing.assert_allclose(one.evidence.removed, other.evidence.removed, atol=within)
        steps = zip(one.evidence.steps, other.evidence.steps, strict=True)
        for some, same in steps:
            np.testing.assert_allclose([some.logprob, some.margin], [same.logprob, same.margin], atol=within)
            assert -within < same.peak - some.peak < 0.05, "it knows the likeliest tokens only"
        assert one.evidence.likelihood
        assert other.evidence.likelihood
        assert one.evidence.likelihood.alone == pytest.approx(other.evidence.likelihood.alone, abs=10 * within)
        assert len(one.evidence.sampled) == len(other.evidence.sampled)
        assert [len(rests) for rests in one.evidence.rebuilt] == [len(rests) for rests in other.evidence.rebuilt]


def test_it_gives_the_same_evidence(served: Student, local: Student, questions: list[Question]) -> None:
    attempts = served.attempt(questions, NEEDS, "s")
    assert_served_as_local(attempts, local.attempt(questions, NEEDS, "s"), 0.01)
    answers = [answer for a in attempts for answers in (a.evidence.sampled, *a.evidence.rebuilt) for answer in answers]
    assert sum(answer is not None for answer in answers) > 0.9 * len(answers)
    assert served.attempt(questions[::-1], NEEDS, "s") == attempts[::-1]
    assert served.attempt(questions, NEEDS, "t") != attempts


def test_what_is_trained_is_served(questions: list[Question]) -> None:
    student = Student.load("tiny", most=40, served=Served(command=HERE, patience=60))
    before = student.explain(questions[:1])
    lesson = [Example(f"Question: {questions[0].text}\nSteps:\n", "Answer: 77\n")]
    fit(student, lesson, Optimiser(learning_rate=0.003, batch=1, epochs=20), "s")
    assert before[0].answer != "77"
    assert student.explain(questions[:1])[0].answer == "77"
    student.changing()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("no-such-server {port}", "'no-such-server' can't be started"),
        (f"{sys.executable} -c \"print('no such model'); exit(3)\" {{port}}", "ended with 3.*\n.*no such model"),
        (f"{HERE} --mute", "tells no `logprobs` by token ids"),
    ],
)
def test_a_server_that_is_none_is_told(command: str, said: str, questions: list[Question]) -> None:
    student = Student.load("tiny", most=4, served=Served(command=command, patience=60))
    with pytest.raises(InputError, match=f"(?s){said}"):
        student.explain(questions[:1])
    student.changing()


def test_hidden_states_are_not_to_be_had(served: Student, questions: list[Question]) -> None:
    with pytest.raises(InputError, match="tells no hidden states"):
        served.attempt(questions, Needs(embedding=True), "s")


@pytest.mark.slow
@pytest.mark.skipif(not Path(VLLM).is_file(), reason="ELAD_VLLM does not name a Python that has vLLM")
def test_vllm_gives_the_same_evidence(local: Student, questions: list[Question]) -> None:
    command = f"{VLLM} -m vllm.entrypoints.openai.api_server --model {{model}} --port {{port}}"
    command += " --generation-config vllm --dtype float32 --max-model-len 512 --gpu-memory-utilization 0.2"
    student = Student.load("tiny", most=40, served=Served(command=command))
    attempts = student.attempt(questions, NEEDS, "s")
    student.changing()
    assert_served_as_local(attempts, local.attempt(questions, NEEDS, "s"), 0.02)
