"""The training loop: next-token loss on the explanation, given the question.

Everything random in it comes from the seed, so the same student, examples and seed give the same weights.
"""

import math
import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import Field

from elad.errors import InputError
from elad.progress import say, track
from elad.records import Record

if TYPE_CHECKING:
    import torch

    from elad.student.student import Student

IGNORED = -100
"""The label of a token that is not learnt from: the prompt's, and padding."""


class Example(NamedTuple):
    """One text to learn: loss is taken on `target` alone."""

    prompt: str
    target: str


class Optimiser(Record):
    """How the weights are moved.

    `learning_rate` is reached after `warmup` (a share of all steps) and falls to a tenth of itself along a cosine.
    `epochs` counts passes over the examples, `batch` texts a step; `weight_decay` spares norms, biases and
    embeddings; `clip` bounds the gradient's norm.
    """

    learning_rate: float = Field(5e-4, gt=0, allow_inf_nan=False)
    epochs: float = Field(3.0, gt=0, allow_inf_nan=False)
    batch: int = Field(16, gt=0)
    warmup: float = Field(0.1, ge=0, le=1)
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0)


class Fitted(Record):
    """What came of a training: its steps, the tokens learnt from, the mean loss of its first and last tenth.

    `left_out` texts were longer than the student's context, so that nothing was learnt from them.
    """

    steps: int = 0
    tokens: int = 0
    first_loss: float = 0.0
    last_loss: float = 0.0
    left_out: int = 0


class Lora(Record):
    """Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): only updates of this rank to these layers are learnt."""

    rank: int = Field(16, gt=0)
    alpha: float = Field(32.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: str | list[str] = "all-linear"


def fit(
    student: "Student", examples: Sequence[Example], optimiser: Optimiser, seed: str, lora: Lora | None = None
) -> Fitted:
    """Train the student in place, merging low-rank updates at the end; without examples it stays as it is.

    Raises InputError when the loss is no longer a number.
    """
    import torch
    from accelerate import Accelerator
    from transformers import get_cosine_with_min_lr_schedule_with_warmup

    encoded = [student.encode(example.prompt, example.target) for example in examples]
    rows = [row for row in encoded if student.context is None or len(row[0]) <= student.context]
    left_out = len(encoded) - len(rows)
    if left_out:
        say(f"  {left_out} of {len(encoded)} texts are longer than the student's context and are left out")
    if not rows:
        return Fitted(left_out=left_out)
    student.changing()
    batches = list(_batches([len(ids) for ids, _ in rows], optimiser, random.Random(seed)))
    torch.manual_seed(random.Random(seed).getrandbits(31))
    model = _adapted(student.model, lora) if lora else student.model
    accelerator = Accelerator(cpu=student.model.device.type == "cpu")
    adam = torch.optim.AdamW(_groups(model, optimiser.weight_decay), lr=optimiser.learning_rate)
    schedule = get_cosine_with_min_lr_schedule_with_warmup(
        adam, round(len(batches) * optimiser.warmup), len(batches), min_lr_rate=0.1
    )
    model, adam = accelerator.prepare(model, adam)
    model.train()
    losses: list[float] = []
    for batch in track(batches, "train", len(batches)):
        loss = model(**_inputs(student, [rows[index] for index in batch]), use_cache=False).loss
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), optimiser.clip)
        adam.step()
        schedule.step()
        adam.zero_grad()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise InputError(
                f"training came apart: at step {len(losses)} of {len(batches)} the loss is no longer a number. "
                "Lower train.optimiser.learning_rate and run the same command again."
            )
    if lora:
        student.model = accelerator.unwrap_model(model).merge_and_unload()
    student.model.eval()
    tenth = max(1, len(losses) // 10)
    return Fitted(
        steps=len(batches),
        tokens=sum(len(ids) - start for batch in batches for ids, start in (rows[index] for index in batch)),
        first_loss=sum(losses[:tenth]) / tenth,
        last_loss=sum(losses[-tenth:]) / tenth,
        left_out=left_out,
    )


def _batches(lengths: Sequence[int], optimiser: Optimiser, rng: random.Random) -> Iterator[list[int]]:
    """Shuffled batches of texts of like length: 16 batches' worth is drawn, sorted, cut, and shuffled again."""
    left = round(len(lengths) * optimiser.epochs)
    while left > 0:
        order = rng.sample(range(len(lengths)), len(lengths))[:left]
        left -= len(order)
        for start in range(0, len(order), 16 * optimiser.batch):
            stretch = sorted(order[start : start + 16 * optimiser.batch], key=lengths.__getitem__)
            cuts = [stretch[i : i + optimiser.batch] for i in range(0, len(stretch), optimiser.batch)]
            yield from rng.sample(cuts, len(cuts))


def _inputs(student: "Student", rows: list[tuple[list[int], int]]) -> dict[str, "torch.Tensor"]:
    """What a model reads, and the labels (rows, longest): prompts, masked by position, and padding have none.

    Where the model has an encoder, it reads the prompts, and the labels are of the explanations alone.
    """
    from elad.student.padding import padded

    device = student.model.device
    if student.seq2seq:
        prompts, seen = padded([ids[:start] for ids, start in rows], student.pad, device)
        labels, _ = padded([ids[start:] for ids, start in rows], IGNORED, device)
        return {"input_ids": prompts, "attention_mask": seen, "labels": labels}
    # no attention mask: padding stands behind every text, where causal attention does not look
    inputs, _ = padded([ids for ids, _ in rows], student.pad, device)
    labels, _ = padded([[IGNORED] * start + ids[start:] for ids, start in rows], IGNORED, device)
    return {"input_ids": inputs, "labels": labels}


def need_peft() -> Any:
    """The peft library. Raises InputError where it is not installed."""
    try:
        import peft
    except ImportError as error:
        raise InputError("train.lora needs peft: pip install 'elad-distill[lora]'") from error
    return peft


def _adapted(model: Any, lora: Lora) -> Any:
    peft = need_peft()
    settings = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        task_type="SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM",
    )
    try:
        return peft.get_peft_model(model, settings)
    except ValueError as error:
        raise InputError(f"train.lora.targets: {error}") from error


def _groups(model: "torch.nn.Module", weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay; norms, biases and embeddings do not (a word that is not read now must not fade)."""
    import torch

    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    trained = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.dim() > 1 and id(p) not in embeddings]
    spared = [p for p in trained if not (p.dim() > 1 and id(p) not in embeddings)]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]
