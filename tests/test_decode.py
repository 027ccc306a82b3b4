"""What is written together, in rows that fork, join and leave, is what would have been written alone."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from scipy.stats import chisquare

from elad.errors import InputError
from elad.fit import Optimiser
from elad.fit.fit import fit
from elad.layout import PLAIN
from elad.machine import Device
from elad.records import Attempt, Needs, Question
from elad.student import Example, Student, tiny
from elad.student.decode import Continuation
from elad.student.likelihood import Reading
from elad.student.slots import Slots, can_fork
from elad.worlds import Arithmetic, Deduction
from tests.models import MODELS, SIZE, student

FORKS = {name: name not in ("Mamba", "T5") for name in MODELS}
ALL = Needs(samples=3, temperature=1.0, rebuilds=2, removed=True, embedding=True, likelihood=True)


@pytest.fixture(scope="module")
def shipped() -> Student:
    return Student.load("tiny", most=48)


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return [*Arithmetic(count=8, seed=4).questions(), *Deduction(count=4, seed=4).questions()]


def assert_same(some: list[Attempt], others: list[Attempt]) -> None:
    """Equal texts, and equal figures but for rounding."""
    for one, other in zip(some, others, strict=True):
        assert one.explanation == other.explanation
        assert one.evidence.sampled == other.evidence.sampled
        assert one.evidence.rebuilt == other.evidence.rebuilt
        np.testing.assert_allclose(figures(one), figures(other), atol=1e-4)


def figures(attempt: Attempt) -> list[float]:
    evidence = attempt.evidence
    spans = [*evidence.steps, *([evidence.answer] if evidence.answer else [])]
    likelihood = [evidence.likelihood.asked, evidence.likelihood.alone] if evidence.likelihood else []
    return [
        *(n for span in spans for n in (span.entropy, span.peak, span.margin, span.logprob, span.tokens)),
        *evidence.removed, *evidence.embedding, *likelihood,
    ]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_every_architecture_gives_the_same_evidence_forked_and_plain(name: str) -> None:
    asked = list(Arithmetic(size="small", count=5, seed=8).questions())
    forked, plain = student(name), student(name)
    assert can_fork(forked.model) == FORKS[name]
    plain.__dict__["_forks"] = False
    plain.rows = 2
    assert_same(forked.attempt(asked, ALL, "s"), plain.attempt(asked, ALL, "s"))


@pytest.mark.parametrize("name", MODELS)
def test_every_architecture_writes_greedily_what_generate_writes(name: str) -> None:
    one = student(name)
    for question in Arithmetic(size="small", count=3, seed=8).questions():
        source, opening = one.opening(PLAIN.asked(question))
        begun = Continuation(opening, one.most, source)
        list(one.write([begun]))
        ids = torch.tensor([source or opening])
        out = one.model.generate(ids, max_new_tokens=one.most, do_sample=False, pad_token_id=one.pad)
        start = 1 if source else len(opening)
        assert [token for token in out[0, start:].tolist() if token not in one.ends] == begun.tokens


@pytest.mark.parametrize("rows", [1, 2, 7, 400])
def test_evidence_does_not_depend_on_the_batch(shipped: Student, questions: list[Question], rows: int) -> None:
    """With few rows, forks have to wait and are encoded again."""
    expected = shipped.attempt(questions, ALL, "seed")
    few = Student(shipped.model, shipped.tokenizer, most=48, rows=rows)
    assert_same(few.attempt(questions, ALL, "seed"), expected)
    assert_same(few.attempt(questions[::-1][:5], ALL, "seed"), expected[::-1][:5])


def test_what_no_longer_fits_goes_on_in_half_as_many_rows(
    shipped: Student, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = shipped.attempt(questions, ALL, "seed")
    few = Student(shipped.model, shipped.tokenizer, most=48, rows=64)
    step = Slots.step

    def scarce(self: Slots, tokens: list[int]) -> torch.Tensor:
        if len(tokens) > 11:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(self, tokens)

    monkeypatch.setattr(Slots, "step", scarce)
    assert_same(few.attempt(questions, ALL, "seed"), expected)
    assert few.rows == 8

    def none(self: Slots, tokens: list[int]) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Slots, "step", none)
    with pytest.raises(InputError, match="not even one text at a time fits"):
        few.attempt(questions, ALL, "seed")


def test_questions_with_the_same_tokens_do_not_disturb_each_other(shipped: Student) -> None:
    """They share a row, and so do the rests that join them."""
    asked = list(Arithmetic(count=6, seed=9).questions())
    twins = [question.model_copy(update={"id": f"{question.id}/twin"}) for question in asked]
    needs = Needs(temperature=2.0, rebuilds=2)
    both = shipped.attempt([*asked, *twins], needs, "s")
    assert_same(both, [*shipped.attempt(asked, needs, "s"), *shipped.attempt(twins, needs, "s")])


@pytest.mark.parametrize("forks", [True, False])
def test_positions_end_where_the_context_does(forks: bool) -> None:
    config = MODELS["GPT-2"]
    before, config.n_positions = config.n_positions, 60
    one = student("GPT-2", most=16)
    config.n_positions = before
    one.__dict__["_forks"] = forks
    asked = [Question(id=str(n), text=" ".join(["coins"] * n)) for n in (2, 20, 38)]
    assert not any(map(one.too_long, asked))
    assert one.too_long(Question(id="x", text=" ".join(["coins"] * 60)))
    teach = [Example(PLAIN.asked(question), "1.\n2.\nAnswer: 3\n") for question in asked]
    fit(one, teach, Optimiser(learning_rate=0.01, batch=3, epochs=60), "s")
    attempts = one.attempt(asked, ALL, "s")
    assert [attempt.explanation.answer for attempt in attempts] == ["3"] * 3
    assert [len(attempt.evidence.removed) for attempt in attempts] == [2] * 3


@pytest.mark.parametrize("name", ["Llama", "Mamba", "T5"])
def test_a_models_own_settings_do_not_change_what_is_read(name: str) -> None:
    asked = list(Arithmetic(size="small", count=2, seed=8).questions())
    one = student(name)
    expected = one.attempt(asked, ALL, "s")
    one.model.generation_config.repetition_penalty = 5.0
    one.model.generation_config.no_repeat_ngram_size = 1
    one.__dict__["_forks"] = False
    assert_same(one.attempt(asked, ALL, "s"), expected)
    assert one.model.generation_config.repetition_penalty == 5.0


def test_readings_that_do_not_fit_are_read_in_halves(
    shipped: Student, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    from elad.student import likelihood

    expected = shipped.attempt(questions, ALL, "seed")
    read = likelihood._read

    def scarce(model: Any, readings: list[Reading], pad: int) -> list[float]:
        if len(readings) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return read(model, readings, pad)

    monkeypatch.setattr(likelihood, "_read", scarce)
    assert_same(shipped.attempt(questions, ALL, "seed"), expected)


def test_weights_that_are_no_numbers_are_told(questions: list[Question]) -> None:
    one = student("Llama")
    next(one.model.parameters()).data.fill_(math.nan)
    with pytest.raises(InputError, match="probabilities are no numbers"):
        one.attempt(questions[:2], Needs(), "s")


def test_rows_follow_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from elad.student import memory

    for name in MODELS:
        one = student(name).model
        monkeypatch.setattr(memory, "device", lambda _: Device("", 1000000000000, False))
        assert memory.rows_that_fit(one, 100) == memory.MOST
        monkeypatch.setattr(memory, "device", lambda _: Device("", 20000000, False))
        assert 1 < memory.rows_that_fit(one, 4000) < memory.rows_that_fit(one, 1000) < memory.MOST
        monkeypatch.setattr(memory, "device", lambda _: Device("", 1, False))
        assert memory.rows_that_fit(one, 100) == 1


def test_other_errors_are_not_taken_for_a_lack_of_memory(shipped: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Slots, tokens: list[int]) -> torch.Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(Slots, "step", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        shipped.complete(["Question: a\nSteps:\n"])


def test_samples_follow_the_model_exactly() -> None:
    """All texts of up to three tokens over a tiny vocabulary: chi-square against their exact probabilities."""
    vocabulary, most, count = 5, 3, 4000
    config = transformers.LlamaConfig(**SIZE, vocab_size=vocabulary, eos_token_id=0, pad_token_id=0)
    torch.manual_seed(1)
    model = transformers.LlamaForCausalLM(config).eval()
    for parameter in model.parameters():
        parameter.data *= 3.0  # so that no two texts are alike likely
    one = Student(model, tiny.word_and_digit_tokenizer([]), most=most, rows=40)
    one.ends = frozenset({0})
    assert one._forks
    opening = [1, 2, 3]
    rolls = np.random.Generator(np.random.Philox(key=3)).random((count, most))
    begun = [Continuation(opening, most, rolls=row.data) for row in rolls]
    assert len(list(one.write(begun, temperature=0.8))) == count

    def chances(text: tuple[int, ...], so_far: float) -> dict[tuple[int, ...], float]:
        if len(text) == most:
            return {text: so_far}
        with torch.inference_mode():
            logits = model(torch.tensor([[*opening, *text]])).logits[0, -1].double()
        found = {text: so_far * float((logits / 0.8).softmax(-1)[0])}
        for token in range(1, vocabulary):
            found |= chances((*text, token), so_far * float((logits / 0.8).softmax(-1)[token]))
        return found

    exact = chances((), 1.0)
    assert math.isclose(sum(exact.values()), 1.0, abs_tol=1e-9)
    seen = dict.fromkeys(exact, 0)
    for continuation in begun:
        seen[tuple(continuation.tokens)] += 1
    common = [text for text, chance in exact.items() if chance * count >= 5]
    rest = count - sum(seen[text] for text in common)
    expected = np.array([*(exact[text] * count for text in common), count - sum(exact[t] * count for t in common)])
    assert len(common) > 20
    assert chisquare([*(seen[text] for text in common), rest], expected).pvalue > 0.001


def test_a_likelihood_is_that_of_one_forward_pass_alone(shipped: Student, questions: list[Question]) -> None:
    readings, exact = [], []
    for length, question in enumerate(questions, start=1):
        _, context = shipped.opening(PLAIN.asked(question))
        target = shipped.ids("\n".join(question.steps))[:length]
        with torch.inference_mode():
            logprobs = shipped.model(torch.tensor([context + target])).logits[0].log_softmax(-1)
        exact.append(sum(float(logprobs[len(context) - 1 + n, token]) for n, token in enumerate(target)))
        readings.append(Reading(context, target))
    np.testing.assert_allclose(shipped.loglikelihoods(readings), exact, atol=1e-4)


@pytest.mark.parametrize("name", ["Llama, grouped queries", "GPT-2", "Mistral, window", "T5"])
def test_given_explanations_are_likely_with_their_question_and_without(name: str) -> None:
    one = student(name)
    asked = list(Arithmetic(size="small", count=3, seed=2).questions())
    explanations = one.explain([Question(id="x", text="x")]) + [
        attempt.explanation for attempt in Student.load("tiny", most=32).attempt(asked, Needs(), "s")
    ]
    pairs = list(zip([Question(id="x", text="x"), *asked], explanations, strict=True))[1:]
    for (question, explanation), found in zip(pairs, one.likelihoods(pairs), strict=True):
        target = one.ids(PLAIN.written(explanation))
        assert found.tokens == len(target)
        for frame, value in ((PLAIN.asked(question), found.asked), (PLAIN.alone(), found.alone)):
            source, opening = one.opening(frame)
            ids = torch.tensor([[*opening, *target]])
            with torch.inference_mode():
                out = one.model(torch.tensor([source]), decoder_input_ids=ids) if source else one.model(ids)
            logprobs = out.logits[0].log_softmax(-1)
            exact = sum(float(logprobs[len(opening) - 1 + n, token]) for n, token in enumerate(target))
            assert value == pytest.approx(exact, abs=1e-3)


def test_an_embedding_is_the_mean_of_the_states_that_the_tokens_came_from(
    shipped: Student, questions: list[Question]
) -> None:
    attempt = shipped.attempt(questions[:3], Needs(embedding=True), "s")[1]
    _, opening = shipped.opening(PLAIN.asked(questions[1]))
    begun = Continuation(opening, shipped.most)
    list(shipped.write([begun]))
    with torch.inference_mode():
        states = shipped.model(torch.tensor([begun.text]), output_hidden_states=True).hidden_states[-1][0]
    mean = states[len(opening) - 1 : -1].mean(0)
    np.testing.assert_allclose(attempt.evidence.embedding, mean, atol=1e-4)


def test_an_encoder_decoder_learns() -> None:
    one = student("T5", most=8)
    lesson = [Example("Question: a\nSteps:\n", "Answer: 2\n"), Example("Question: b c\nSteps:\n", "1.\nAnswer: 3\n")]
    fitted = fit(one, lesson, Optimiser(learning_rate=0.03, batch=2, epochs=150), "s")
    assert fitted.last_loss < fitted.first_loss / 3
    assert [said.answer for said in one.explain([Question(id="a", text="a"), Question(id="b", text="b c")])] == [
        "2",
        "3",
    ]
