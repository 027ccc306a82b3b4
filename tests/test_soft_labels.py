"""Soft labels: the loss is what the papers print, of the tokens that are learnt alone, and it teaches."""

from pathlib import Path

import pytest
import torch

from elad.errors import InputError
from elad.fit import Optimiser, SoftLabels
from elad.fit.batches import Row
from elad.fit.fit import fit
from elad.fit.learner import Learner
from elad.fit.soft_labels import WhiteBox, white_box
from elad.student import Example, Student, tiny
from elad.train import Sft
from tests.models import MODELS, student

pytestmark = pytest.mark.usefixtures("one_thread")

HOW = SoftLabels(model="elsewhere", hard=0.7, soft=0.3, temperature=2.0)
LESSON = [
    Example("Question: a\nSteps:\n", "1 + 1 = 2.\nAnswer: 2\n"),
    Example("Question: b c\nSteps:\n", "Answer: 3\n"),
]


def blank(seed: int) -> Student:
    return Student(*tiny.blank(width=16, layers=2, heads=2, seed=seed), most=12)


@torch.inference_mode()
def by_hand(ours: Student, theirs: Student, rows: list[Row], how: SoftLabels) -> float:
    """The mean loss of a learnt token, a text at a time, so that there is no padding."""
    total = tokens = 0.0
    for row in rows:
        ids = torch.tensor([row.ids])
        logits, others = (each.model(input_ids=ids).logits[0, row.start - 1 : -1].double() for each in (ours, theirs))
        hard = -logits.log_softmax(-1)[range(len(row.learnt)), row.learnt].sum()
        p, q = ((each / how.temperature).softmax(-1) for each in (others, logits))
        total += float(how.hard * hard + how.soft * (p * (p / q).log()).sum())
        tokens += len(row.learnt)
    return total / tokens


@pytest.mark.parametrize("packed", [False, True])
def test_the_loss_is_cross_entropy_and_divergence_without_padding(packed: bool) -> None:
    ours, theirs = blank(1), blank(2)
    rows = [Row(*ours.encode(*example[:2])) for example in LESSON]
    learner = Learner(ours, Optimiser(batch=2, packed=packed), WhiteBox(theirs, HOW))
    assert learner.learn(rows) == pytest.approx(by_hand(ours, theirs, rows, HOW), abs=1e-5)


@pytest.mark.parametrize("name", [name for name in MODELS if "t5" in name.lower()])
def test_a_model_with_an_encoder_is_asked_as_the_student_is(name: str) -> None:
    ours = student(name)
    rows = [Row(*ours.encode(*example[:2])) for example in LESSON]
    alone = Learner(ours, Optimiser(batch=2))
    softened = Learner(ours, Optimiser(batch=2), WhiteBox(ours, HOW))
    assert softened.learn(rows) == pytest.approx(0.7 * alone.learn(rows), abs=1e-5), "it differs nothing from itself"


def test_only_the_distributions_can_be_learnt() -> None:
    """With no weight on the tokens, the student comes to the other model's distributions, whatever the tokens are."""
    ours, theirs = blank(1), blank(2)
    rows = [Row(*ours.encode(*example[:2])) for example in LESSON]
    apart = WhiteBox(theirs, SoftLabels(hard=0.0, soft=1.0, temperature=1.0))
    before = Learner(ours, Optimiser(), apart).learn(rows)
    fit(ours, LESSON, Optimiser(learning_rate=0.02, steps=60, batch=2), "s", soft=apart)
    assert Learner(ours, Optimiser(), apart).learn(rows) < before / 3


def test_what_the_student_tells_of_rows_set_aside_is_its_cross_entropy() -> None:
    ours = blank(1)
    rows = [Row(*ours.encode(*example[:2])) for example in LESSON]
    assert Learner(ours, Optimiser(), WhiteBox(blank(2), HOW)).loss(rows) == Learner(ours, Optimiser()).loss(rows)


def test_a_model_of_other_tokens_is_refused(tmp_path: Path) -> None:
    chat = tmp_path / "other"
    other = blank(1)
    other.tokenizer.add_tokens(["another"])
    other.save(chat)
    with pytest.raises(InputError, match=r"soft_labels\.model: .*other does not speak the student's tokens"):
        white_box(blank(1), str(chat), HOW)


def test_a_model_that_can_not_read_several_texts_in_a_row_is_refused_for_that(tmp_path: Path) -> None:
    student("Mamba").save(tmp_path / "mamba")
    soft = HOW.model_copy(update={"model": str(tmp_path / "mamba")})
    Sft(soft_labels=soft).fits(student("Llama"))
    with pytest.raises(InputError, match=r"packed: train.soft_labels.model can't tell texts in one row apart"):
        Sft(soft_labels=soft, optimiser=Optimiser(packed=True)).fits(student("Llama"))


def test_a_training_of_so_many_steps_has_so_many() -> None:
    for steps in (1, 7, 23):
        assert fit(blank(1), LESSON * 3, Optimiser(steps=steps, batch=4, epochs=100), "s").steps == steps
