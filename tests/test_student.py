"""The student's door: what it writes, what its probabilities say, how it learns and is saved."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from elad.errors import InputError
from elad.evaluate import evaluate
from elad.fit import Optimiser
from elad.fit.fit import fit
from elad.layout import PLAIN
from elad.records import Needs, Question
from elad.student import Example, Student, tiny
from elad.student.decode import Continuation
from elad.student.spans import locate
from elad.worlds import Arithmetic, Deduction

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def shipped() -> Student:
    return Student.load("tiny", most=48)


@pytest.fixture
def untrained() -> Student:
    return Student(*tiny.blank(width=16, layers=1, heads=2), most=12)


@pytest.fixture(scope="module")
def questions() -> list[Question]:
    return list(Arithmetic(size="small", count=12, seed=3).questions())


def test_marks_are_those_of_one_forward_pass(shipped: Student, questions: list[Question]) -> None:
    begun = [Continuation(ids, 48) for _, ids in map(shipped.opening, map(PLAIN.asked, questions))]
    assert sorted(map(id, shipped.write(begun))) == sorted(map(id, begun))
    for one in begun:
        with torch.inference_mode():
            logits = shipped.model(torch.tensor([one.text])).logits[0].log_softmax(-1)
        before = logits[len(one.prompt) - 1 : -1]
        expected = before.gather(-1, torch.tensor(one.tokens)[:, None]).squeeze(-1)
        two = before.topk(2).values.exp()
        np.testing.assert_allclose([mark.logprob for mark in one.marks], expected, atol=1e-4)
        np.testing.assert_allclose([mark.entropy for mark in one.marks], -(before.exp() * before).sum(-1), atol=1e-4)
        np.testing.assert_allclose([mark.margin for mark in one.marks], two[:, 0] - two[:, 1], atol=1e-4)


def test_an_attempt_says_where_its_doubt_lies(shipped: Student, questions: list[Question]) -> None:
    needs = Needs(samples=3, removed=True, rebuilds=2)
    attempts = shipped.attempt(questions, needs, "seed")
    assert [a.question for a in attempts] == questions
    for attempt in attempts:
        steps = len(attempt.explanation.steps)
        assert (
            steps == len(attempt.evidence.steps) == len(attempt.evidence.removed) == len(attempt.evidence.rebuilt) >= 1
        )
        assert len(attempt.evidence.sampled) == 3
        assert all(len(others) == 2 for others in attempt.evidence.rebuilt)
        assert all(0 <= p <= 1 for p in attempt.evidence.removed)
        assert all(0 <= s.entropy <= s.peak and s.logprob <= 0 for s in attempt.evidence.steps)
    assert shipped.attempt(questions, needs, "seed") == attempts
    assert shipped.attempt(questions, needs, "other seed") != attempts
    assert shipped.attempt([], needs, "seed") == []


def test_a_student_without_an_answer_has_an_attempt_all_the_same(untrained: Student, questions: list[Question]) -> None:
    needs = Needs(samples=2, removed=True, rebuilds=1)
    for attempt in untrained.attempt(questions, needs, "s"):
        assert attempt.explanation.answer is None
        assert attempt.evidence.answer is None
        assert attempt.evidence.removed == ()


@pytest.mark.parametrize(
    ("text", "steps", "answer"),
    [
        ("3 + 4 = 7.\nAnswer: 7\n", ["3 + 4 = 7.\n"], "7"),
        ("3 + 4 = 7.\n\n12 - 5 = 7.\nAnswer: 17\nmore\n", ["3 + 4 = 7.\n", "12 - 5 = 7.\n"], "17"),
        ("3 + 4", ["3 + 4"], None),
        ("Answer:\n", [], None),
        ("", [], None),
    ],
)
def test_steps_are_found_by_position(untrained: Student, text: str, steps: list[str], answer: str | None) -> None:
    ids = untrained.ids(text)
    found = locate(ids, untrained.text_of, untrained.line_breaks)
    assert [untrained.text_of(ids[s.start : s.stop]) for s in found.steps] == steps
    assert found.explanation.answer == answer
    if found.answer:
        assert untrained.text_of(ids[found.answer.start : found.answer.stop]).strip() == answer


@pytest.mark.parametrize("world", [Arithmetic(count=50), Arithmetic(size="small", count=50), Deduction(count=50)])
def test_the_shipped_tokenizer_reads_the_worlds_in_whole_words(world: Arithmetic | Deduction) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny.FOLDER)
    for question in world.questions():
        text = PLAIN.asked(question) + "\n".join(question.steps) + f"\nAnswer: {question.answer}\n"
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.decode(ids) == text
        assert not any(
            piece.startswith("##") and not piece[2:].isdigit() for piece in tokenizer.convert_ids_to_tokens(ids)
        )


def test_other_words_are_spelt_out() -> None:
    tokenizer = tiny.word_and_digit_tokenizer(["coins"])
    assert tokenizer.decode(tokenizer("Zebras (12) have 305 coins.")["input_ids"]) == "Zebras ( 12) have 305 coins."
    assert tokenizer.unk_token_id not in tokenizer('Any ASCII text: x_1 = {2}; "so" what?')["input_ids"]


def test_scores_tell_right_answers_from_the_files_own_steps(untrained: Student) -> None:
    lesson = [Example("Question: a\nSteps:\n", "d e.\nAnswer: 2\n"), Example("Question: b c\nSteps:\n", "Answer: 3\n")]
    fit(untrained, lesson, Optimiser(learning_rate=0.02, batch=2, epochs=60), "s")
    held_out = [
        Question(id="1", text="a", answer="2.0", steps=("D  e.",), domain="x"),
        Question(id="2", text="a", answer="2", steps=("d e f.",), domain="x"),
        Question(id="3", text="b c", answer="4", domain="y"),
    ]
    scores = evaluate(untrained, held_out)
    assert (scores.answers.overall.right, scores.answers.overall.total) == (2, 3)
    assert {name: score.right for name, score in scores.answers.domains.items()} == {"x": 2, "y": 0}
    assert (scores.steps.overall.right, scores.steps.overall.total) == (1, 2)


def test_nothing_is_written_beyond_the_context(untrained: Student) -> None:
    prompt = "Question: a\nSteps:\n"
    room = 3
    untrained.context = len(untrained.ids(prompt)) + room
    untrained.ends = frozenset()
    assert [len(untrained.ids(said)) for said in untrained.complete([prompt] * 2)] == [room] * 2


def test_what_is_saved_loads_anywhere_and_answers_the_same(untrained: Student, tmp_path: Path) -> None:
    digest = untrained.save(tmp_path / "one")
    assert untrained.save(tmp_path / "one") == digest, "saving again replaces"
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "one")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "one")
    ids = tokenizer("Question: a\nSteps:\n", return_tensors="pt")["input_ids"]
    out = model.generate(ids, max_new_tokens=5, do_sample=False)
    assert untrained.complete(["Question: a\nSteps:\n"])[0].startswith(
        tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    )
    assert [f.name for f in tmp_path.iterdir()] == ["one"]


def test_a_model_without_all_of_its_weights_is_told(untrained: Student, tmp_path: Path) -> None:
    untrained.save(tmp_path / "s")
    file = tmp_path / "s" / "model.safetensors"
    tensors = load_file(file)
    del tensors["model.norm.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lacks weights: model.norm.weight, 1 in all"):
        Student.load(tmp_path / "s")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match=r"can't be loaded"):
        Student.load(tmp_path / "s")


def test_a_model_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"student.model: .* can't be loaded"):
        Student.load(tmp_path)


def test_samples_are_as_many_as_asked_for_and_follow_from_the_seed_alone() -> None:
    student = Student.load("tiny", most=24)
    asked = list(Arithmetic(size="small", count=4).questions())
    drawn = student.sample(asked, 5, 1.0, "s")
    assert [len(each) for each in drawn] == [5] * 4
    assert len({explanation for each in drawn for explanation in each}) > 5
    assert student.sample(asked[2:], 5, 1.0, "s") == drawn[2:], "whatever is written beside it"
    assert student.sample(asked, 5, 1.0, "t") != drawn
    long = Question(id="long", text="a " * 6000)
    assert student.sample([long, asked[0]], 5, 1.0, "s") == [[], drawn[0]]
