"""The training loop: what it learns from, that its options change the cost and not the result, that it goes on."""

import random
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from elad.errors import InputError, Interrupted
from elad.fit import EarlyStopping, Optimiser
from elad.fit.batches import IGNORED, Row, batch, can_pack, steps
from elad.fit.checkpoint import FILE
from elad.fit.estimate import training
from elad.fit.fit import fit
from elad.fit.learner import Learner
from elad.fit.tracking import told_to
from elad.student import Example, Lora, Student, tiny
from tests.models import MODELS, student

pytestmark = pytest.mark.usefixtures("one_thread")

LESSON = [
    Example("Question: a\nSteps:\n", "Answer: 2\n"),
    Example("Question: b c\nSteps:\n", "Answer: 3\n"),
]
LONGER = [
    Example(
        f"Question: {'a ' * (i % 5)}\nSteps:\n",
        "".join(f"{j} + {i} = {i + j}.\n" for j in range(i % 7)) + "Answer: 2\n",
    )
    for i in range(40)
]
FEW = Optimiser(learning_rate=0.01, batch=4, epochs=2)


@pytest.fixture
def untrained() -> Student:
    return blank()


def blank() -> Student:
    return Student(*tiny.blank(width=16, layers=2, heads=2), most=12)


def weights(student: Student) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in student.model.state_dict().items()}


def trained(optimiser: Optimiser, examples: Sequence[Example] = LONGER, **how: Any) -> dict[str, torch.Tensor]:
    student = blank()
    fit(student, examples, optimiser, "s", **how)
    return weights(student)


def close(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor], tolerance: float = 1e-4) -> bool:
    return all(torch.allclose(one[name], other[name], atol=tolerance) for name in one)


# -- what is learnt from ---------------------------------------------------------------------------------------------


def test_how_much_a_training_reads_is_known_from_its_steps_or_its_epochs() -> None:
    assert Optimiser(batch=4, accumulate=2, epochs=3).texts_read(10) == 30
    assert Optimiser(batch=4, accumulate=2, epochs=3, steps=5).texts_read(10) == 40
    assert Optimiser(steps=5, epochs=3).once == Optimiser(epochs=1)


def test_loss_is_taken_on_the_explanation_only(untrained: Student) -> None:
    row = Row(*untrained.encode("Question: a\nSteps:\n", "Answer: 2\n"))
    other = Row(*untrained.encode("Question: a a a a\nSteps:\n", "3.\nAnswer: 2\n"))
    for packed in (False, True):
        read = batch(untrained, [row, other], packed=packed)
        learnt = [token for token in read.labels.flatten().tolist() if token != IGNORED]
        assert learnt == [*row.learnt, *other.learnt]
        assert untrained.text_of(row.learnt) == "Answer: 2\n"
        assert row.learnt[-1] in untrained.ends
    fitted = fit(untrained, LESSON, Optimiser(batch=1, epochs=1), "s")
    assert fitted.tokens == sum(len(Row(*untrained.encode(*example[:2])).learnt) for example in LESSON)


def test_gradients_are_those_of_each_text_on_its_own(untrained: Student) -> None:
    rows = [Row(*untrained.encode(*example[:2])) for example in LONGER[:6]]
    learner = Learner(untrained, Optimiser(batch=2, clip=1e9))
    told = learner.learn(rows)
    batched = {name: p.grad.clone() for name, p in untrained.model.named_parameters() if p.grad is not None}
    untrained.model.zero_grad()
    total = torch.zeros(())
    for row in rows:
        logprobs = untrained.model(torch.tensor([row.ids])).logits[0].log_softmax(-1)
        total -= sum(logprobs[place - 1, row.ids[place]] for place in range(row.start, len(row.ids)))
    mean = total / sum(len(row.learnt) for row in rows)
    mean.backward()  # type: ignore[no-untyped-call]
    assert told == pytest.approx(mean.item(), abs=1e-5)
    for name, parameter in untrained.model.named_parameters():
        assert parameter.grad is None or torch.allclose(parameter.grad, batched[name], atol=1e-5), name


def test_it_learns(untrained: Student) -> None:
    fitted = fit(untrained, LESSON, Optimiser(learning_rate=0.02, batch=2, epochs=60), "s")
    assert fitted.last_loss < fitted.first_loss / 3
    assert untrained.complete([LESSON[1].prompt]) == [LESSON[1].target]


def test_every_text_is_read_once_an_epoch_beside_texts_of_its_length() -> None:
    lengths = [random.Random(1).randrange(5, 200) for _ in range(1000)]
    plan = list(steps(lengths, Optimiser(batch=4, accumulate=2, epochs=2), random.Random(2)))
    assert sorted(index for step in plan[: len(plan) // 2] for index in step) == list(range(1000))
    spread = sum(max(lengths[i] for i in step) - min(lengths[i] for i in step) for step in plan) / len(plan)
    assert spread < 25


def test_texts_beyond_the_context_are_left_out_and_counted(untrained: Student) -> None:
    before = weights(untrained)
    endless = Example("Question: a\nSteps:\n", "1 + 1 = 2.\n" * 400)
    fitted = fit(untrained, [endless], Optimiser(), "s")
    assert (fitted.steps, fitted.left_out) == (0, 1)
    assert all(torch.equal(before[name], after) for name, after in weights(untrained).items())
    assert fit(untrained, [endless, *LESSON], Optimiser(batch=2, epochs=1), "s").steps == 1


def test_training_that_comes_apart_is_told(untrained: Student) -> None:
    with pytest.raises(InputError, match=r"came apart: at step \d+ of \d+"):
        fit(untrained, LESSON, Optimiser(learning_rate=1e30, batch=2, epochs=60), "s")


# -- options that change the cost and not the result -----------------------------------------------------------------


def test_equal_seeds_give_equal_weights() -> None:
    one, again = trained(FEW), trained(FEW)
    assert all(torch.equal(one[name], again[name]) for name in one)
    student = blank()
    fit(student, LONGER, FEW, "another seed")
    assert not close(one, weights(student))


@pytest.mark.parametrize("lora", [None, Lora(rank=4)], ids=["all weights", "low-rank updates"])
@pytest.mark.parametrize(
    "otherwise",
    [
        {"batch": 2, "accumulate": 4},
        {"packed": True},
        {"checkpointing": True},
        {"batch": 1, "accumulate": 8, "packed": True},
    ],
    ids=str,
)
def test_how_a_step_is_computed_does_not_change_it(otherwise: dict[str, Any], lora: Lora | None) -> None:
    if lora:
        pytest.importorskip("peft", reason="LoRA needs the lora extra")
    whole = Optimiser(learning_rate=0.003, batch=8, epochs=2)
    assert close(trained(whole, lora=lora), trained(whole.model_copy(update=otherwise), lora=lora), 1e-3)
    assert not close(trained(whole, lora=lora), trained(whole.model_copy(update={"batch": 4}), lora=lora), 1e-3)


def test_where_memory_runs_out_a_step_is_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    optimiser = Optimiser(learning_rate=0.003, batch=8, epochs=1)
    stopping = EarlyStopping(share=0.3)
    whole = trained(optimiser, early_stopping=stopping)
    seen: list[int] = []
    held: list[weakref.ref[torch.Tensor]] = []
    sum_of = Learner._sum

    def narrow(self: Learner, rows: Sequence[Row], *soft: Any) -> torch.Tensor:
        assert not [graph for graph in held if graph() is not None], "what did not fit is let go before the next try"
        seen.append(len(rows))
        loss = sum_of(self, rows, *soft)
        if len(rows) > 2:
            held.append(weakref.ref(loss))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return loss

    monkeypatch.setattr(Learner, "_sum", narrow)
    assert close(whole, trained(optimiser, early_stopping=stopping), 1e-3)
    assert seen[:3] == [8, 4, 2], "also where rows that are set aside are looked at"
    assert max(seen[3:]) == 2, "what did not fit once is not tried again"


@pytest.mark.parametrize("name", MODELS)
def test_every_architecture_learns_padded_and_packed(name: str) -> None:
    packed, padded = (student(name) for _ in range(2))
    start = weights(padded)
    fit(padded, LESSON * 4, FEW, "s")
    assert not close(start, weights(padded))
    assert can_pack(packed) == (name not in ("Mamba", "T5"))
    if can_pack(packed):
        fit(packed, LESSON * 4, FEW.model_copy(update={"packed": True}), "s")
        assert close(weights(padded), weights(packed), 1e-3)
    else:
        with pytest.raises(InputError, match=r"train.optimiser.packed"):
            fit(packed, LESSON * 4, FEW.model_copy(update={"packed": True}), "s")


def test_bfloat16_computes_roughly_and_keeps_whole_weights() -> None:
    rough = trained(FEW.model_copy(update={"precision": "bfloat16"}))
    assert {tensor.dtype for tensor in rough.values()} == {torch.float32}
    assert close(trained(FEW), rough, 0.1)
    assert not close(trained(FEW), rough, 1e-6)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_learning_rate_follows_its_schedule(untrained: Student, schedule: Any) -> None:
    rates: list[float] = []
    optimiser = Optimiser(learning_rate=0.01, schedule=schedule, warmup=0.2, batch=4, epochs=2)
    fit(untrained, LONGER, optimiser, "s", log=lambda told, step: rates.append(told["learning rate"]))
    assert len(rates) == 20
    assert max(rates) == pytest.approx(0.01)
    assert rates[0] < rates[2] < rates[4]
    assert rates[-1] == pytest.approx({"cosine": 0.00107, "linear": 0.000625, "constant": 0.01}[schedule], rel=0.05)


def test_the_memory_that_is_expected_is_about_what_is_held() -> None:
    """Of one text: what the backward pass is left, beside the weights themselves."""
    model, tokenizer = tiny.blank(width=64, layers=6, heads=2)
    one = Student(model, tokenizer, most=12)
    optimiser = Optimiser()
    row = Row(*one.encode("a", "1 + 1 = 2.\n" * 60))
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    held: dict[int, int] = {}

    def hold(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    learner = Learner(one, optimiser)
    with learner, torch.autograd.graph.saved_tensors_hooks(hold, lambda tensor: tensor):
        loss = learner._sum([row])
    assert loss.requires_grad
    expected = training(model, optimiser, None, (), half=False).a_token * len(row.ids)
    assert 0.5 * expected < sum(held.values()) < 1.5 * expected
    assert training(model, Optimiser(checkpointing=True), None, (), half=False).a_token * len(row.ids) < expected / 2


# -- what is moved ---------------------------------------------------------------------------------------------------


def test_frozen_weights_stay_and_thaw(untrained: Student) -> None:
    before = weights(untrained)
    fit(untrained, LESSON, FEW, "s", frozen=["*embed*", "model.layers.[0].*"])
    changed = {name for name, tensor in weights(untrained).items() if not torch.equal(tensor, before[name])}
    assert changed
    assert not any("embed" in name or "layers.0" in name for name in changed)
    fit(untrained, LESSON, FEW, "s")
    assert not torch.equal(
        weights(untrained)["model.layers.0.mlp.up_proj.weight"], before["model.layers.0.mlp.up_proj.weight"]
    )
    with pytest.raises(InputError, match=r"train.frozen: 'layer.0' matches none of .* model.embed_tokens.weight"):
        fit(untrained, LESSON, FEW, "s", frozen=["layer.0"])
    with pytest.raises(InputError, match=r"nothing is left to train"):
        fit(untrained, LESSON, FEW, "s", frozen=["*"])


def test_low_rank_updates_stand_beside_weights_that_stay(tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="LoRA needs the lora extra")
    first = blank()
    first.save(tmp_path / "base")
    student = Student.load(tmp_path / "base", most=12, device="cpu")
    teach = Optimiser(learning_rate=0.05, batch=2, epochs=30)
    fit(student, LESSON, teach, "s", lora=Lora(rank=4))
    digest = student.save(tmp_path / "one")
    assert (tmp_path / "one" / "adapter_model.safetensors").is_file()
    assert not list((tmp_path / "one").glob("model*")), "the base is not copied"
    said = student.complete([example.prompt for example in LESSON])
    assert said != first.complete([example.prompt for example in LESSON])

    again = Student.load(tmp_path / "base", most=12, device="cpu", trained=tmp_path / "one")
    assert again.complete([example.prompt for example in LESSON]) == said
    assert again.save(tmp_path / "two") == digest
    fit(again, LESSON, teach, "t", lora=Lora(rank=4))
    assert again.save(tmp_path / "two") != digest, "the next round goes on with the same updates"

    again.restart()
    assert close(weights(again), weights(first), 0), "and the base was never touched"


def test_a_student_starts_anew_from_its_base(tmp_path: Path) -> None:
    first = blank()
    first.save(tmp_path / "base")
    student = Student.load(tmp_path / "base", most=12, device="cpu")
    fit(student, LESSON, FEW, "s")
    student.save(tmp_path / "one")
    resumed = Student.load(tmp_path / "base", most=12, device="cpu", trained=tmp_path / "one")
    assert close(weights(resumed), weights(student), 0)
    for trained in (student, resumed):
        trained.restart()
        assert close(weights(trained), weights(first), 0)
    with pytest.raises(InputError, match=r"train.start"):
        first.restart()


def test_training_stops_where_what_was_set_aside_does_no_better() -> None:
    random.seed(1)
    noise = [Example(f"Question: {i}\nSteps:\n", f"Answer: {random.randrange(1000)}\n") for i in range(30)]
    student = blank()
    epochs = 60
    fitted = fit(
        student,
        noise,
        Optimiser(learning_rate=0.02, batch=4, epochs=epochs),
        "s",
        early_stopping=EarlyStopping(patience=2),
    )
    best = fitted.dev.index(min(fitted.dev))
    assert len(fitted.dev) - 1 == best + 2 < epochs
    assert fitted.steps == 7 * (best + 2), "27 of 30 are learnt from, in batches of 4"
    learner = Learner(student, Optimiser())
    rng = random.Random("s")
    rows = [Row(*student.encode(*example[:2])) for example in noise]
    rng.shuffle(rows)
    assert learner.loss(rows[-3:]) == pytest.approx(min(fitted.dev), abs=1e-4), "and the best weights are put back"


# -- going on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", [{}, {"lora": Lora(rank=2, dropout=0.3)}, {"early_stopping": EarlyStopping(patience=9)}], ids=str
)
def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path: Path, how: dict[str, Any]) -> None:
    if "lora" in how:
        pytest.importorskip("peft", reason="LoRA needs the lora extra")

    def run(stop: int | None) -> tuple[Any, dict[str, torch.Tensor]]:
        def log(told: dict[str, float], step: int) -> None:
            if step == stop:
                raise Interrupted

        student = blank()
        fitted = fit(student, LONGER, FEW, "s", folder=tmp_path / "t", keep_every=0, log=log, **how)
        return fitted, weights(student)

    uninterrupted = run(None)
    (tmp_path / "t" / FILE).unlink()
    for stop in (3, 11, 17):
        with pytest.raises(Interrupted):
            run(stop)
        assert (tmp_path / "t" / FILE).is_file()
    assert (resumed := run(None))[0] == uninterrupted[0]
    assert all(torch.equal(resumed[1][name], tensor) for name, tensor in uninterrupted[1].items())


def test_what_another_training_left_or_is_cut_short_is_not_gone_on_with(tmp_path: Path) -> None:
    def run(stop: int | None = None, optimiser: Optimiser = FEW, **how: Any) -> dict[str, torch.Tensor]:
        def log(told: dict[str, float], step: int) -> None:
            if step == stop:
                raise Interrupted

        student = blank()
        fit(student, LONGER, optimiser, "s", folder=tmp_path, keep_every=0, log=log, **how)
        return weights(student)

    mended = FEW.model_copy(update={"learning_rate": 0.001})
    others: list[dict[str, Any]] = [{"optimiser": mended}, {"frozen": ["*embed*"]}, {"early_stopping": EarlyStopping()}]
    file = tmp_path / FILE
    for how in others:
        file.unlink(missing_ok=True)
        whole = run(**how)
        with pytest.raises(Interrupted):
            run(stop=5)
        assert close(run(**how), whole, 0), how
    file.unlink()
    whole = run()
    file.unlink()
    with pytest.raises(Interrupted):
        run(stop=5)
    file.write_bytes(file.read_bytes()[:500])
    assert close(run(), whole, 0)


def test_figures_are_told_to_tensorboard(untrained: Student, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with told_to("tensorboard", "run", "01", tmp_path) as log:
        fitted = fit(untrained, LONGER, FEW, "s", log=log)
    events = EventAccumulator(str(tmp_path / "01")).Reload()
    assert len(events.Scalars("loss")) == fitted.steps
    assert events.Scalars("learning rate")[-1].value > 0
