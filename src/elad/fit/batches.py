"""What a training step reads: texts of like length together, padded or packed, and which token is to be said where."""

import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch

from elad.fit.settings import Optimiser
from elad.student import Student
from elad.student.padding import padded

IGNORED = -100
"""The label of a token that is not learnt: the prompt's, and padding."""


class Row(NamedTuple):
    """A text to learn, in tokens: those from `start` on are learnt. `domain`: of what it is, where that is known."""

    ids: list[int]
    start: int
    domain: str | None = None

    @property
    def prompt(self) -> list[int]:
        """The tokens before those."""
        return self.ids[: self.start]

    @property
    def learnt(self) -> list[int]:
        """The tokens that loss is taken on: known by position, whatever the text says."""
        return self.ids[self.start :]


class Batch(NamedTuple):
    """What the model reads, and the labels (rows, tokens) of the logits that it is to tell."""

    inputs: dict[str, Any]
    labels: torch.Tensor


def steps(lengths: Sequence[int], optimiser: Optimiser, rng: random.Random) -> Iterator[list[int]]:
    """The rows of one step after another: all of them in one order, then in another, as often as is asked for."""
    left = optimiser.steps * optimiser.texts if optimiser.steps else round(len(lengths) * optimiser.epochs)
    while left > 0:
        order = rng.sample(range(len(lengths)), len(lengths))[:left]
        left -= len(order)
        yield from cut(order, lengths, optimiser.texts, rng)


def cut(order: Sequence[int], lengths: Sequence[int], size: int, rng: random.Random) -> Iterator[list[int]]:
    """Rows as steps of so many: 16 steps' worth is taken as it comes, sorted by length, cut, and shuffled again."""
    for start in range(0, len(order), 16 * size):
        stretch = sorted(order[start : start + 16 * size], key=lengths.__getitem__)
        cuts = [stretch[i : i + size] for i in range(0, len(stretch), size)]
        yield from rng.sample(cuts, len(cuts))


def batch(student: Student, rows: Sequence[Row], *, packed: bool) -> Batch:
    """Rows as one batch, with logits of what is learnt, not of prompts, as far as a model can be told."""
    if student.seq2seq:
        return _encoded(student, rows)
    return _packed(student, rows) if packed else _padded(student, rows)


def _padded(student: Student, rows: Sequence[Row]) -> Batch:
    """A text a row. No attention mask: padding stands behind every text, where causal attention does not look."""
    device, first = student.model.device, min(row.start for row in rows) - 1
    ids, _ = padded([row.ids[:-1] for row in rows], student.pad, device)
    labels, _ = padded([[IGNORED] * (row.start - 1 - first) + row.learnt for row in rows], IGNORED, device)
    told = torch.arange(first, ids.shape[1], device=device)
    return Batch({"input_ids": ids, "logits_to_keep": told, "use_cache": False}, labels)


def _packed(student: Student, rows: Sequence[Row]) -> Batch:
    """All texts in one row: where positions begin again at nothing, the model sees that another text begins."""

    def row_of(values: Iterator[int]) -> torch.Tensor:
        return torch.tensor(list(values), device=student.model.device)

    ids = row_of(token for row in rows for token in row.ids[:-1])
    places = row_of(place for row in rows for place in range(len(row.ids) - 1))
    told = row_of(place >= row.start - 1 for row in rows for place in range(len(row.ids) - 1)).nonzero().flatten()
    labels = row_of(token for row in rows for token in row.learnt)
    inputs = {"input_ids": ids[None], "position_ids": places[None], "logits_to_keep": told, "use_cache": False}
    return Batch(inputs, labels[None])


def _encoded(student: Student, rows: Sequence[Row]) -> Batch:
    """For a model with an encoder, which reads the prompts; the decoder begins with a token of its own."""
    device = student.model.device
    prompts, seen = padded([row.prompt for row in rows], student.pad, device)
    begun = student.model.config.decoder_start_token_id
    said, _ = padded([[begun, *row.learnt[:-1]] for row in rows], student.pad, device)
    labels, _ = padded([row.learnt for row in rows], IGNORED, device)
    inputs = {"input_ids": prompts, "attention_mask": seen, "decoder_input_ids": said, "use_cache": False}
    return Batch(inputs, labels)


def can_pack(student: Student) -> bool:
    """Whether the student's texts stay apart in one row: tried out."""
    if student.seq2seq:
        return False
    words = student.model.config.get_text_config().vocab_size
    rows = [Row([token % words for token in range(first, first + 7)], 1) for first in (1, 4)]
    was_training = student.model.training
    student.model.eval()
    try:
        with torch.inference_mode():
            alone = torch.cat([student.model(**_padded(student, [row]).inputs).logits[0] for row in rows])
            together = student.model(**_packed(student, rows).inputs).logits[0]
    finally:
        student.model.train(was_training)
    return bool(torch.allclose(alone.float(), together.float(), rtol=0, atol=1e-3 * alone.float().std().item()))
