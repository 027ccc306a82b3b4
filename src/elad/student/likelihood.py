"""How likely a text is behind another, many at a time; what was read of the text before is not read again."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from transformers.cache_utils import Cache

from elad.student.memory import at_a_time, halved
from elad.student.padding import padded
from elad.student.slots import Cached, Layer

_LOGITS = 2**26
"""Logits that are held at a time."""


class Reading(NamedTuple):
    """A target behind a context. The context's first `shared` tokens, never all of them, are among those `cached`.

    `source` is what an encoder reads, where the model has one.
    """

    context: Sequence[int]
    target: Sequence[int]
    source: Sequence[int] = ()
    cached: Cached | None = None
    shared: int = 0

    @property
    def unread(self) -> list[int]:
        """What has to be read: the rest of the context, and the target up to its last token."""
        return [*self.context[self.shared :], *self.target[:-1]]

    @property
    def begin(self) -> int:
        """Where in that the target's first token is predicted."""
        return len(self.context) - self.shared - 1


def loglikelihoods(model: Any, readings: Sequence[Reading], *, pad: int) -> list[float]:
    """The log-probability of each target behind its context, in nats. Targets have at least one token.

    Raises InputError where memory does not hold even one.
    """
    order = sorted(range(len(readings)), key=lambda index: len(readings[index].unread))
    scores: dict[int, float] = {}
    chunks = list(_chunks(order, readings, at_a_time(model), model.config.get_text_config().vocab_size))
    while chunks:
        chunk = chunks.pop()
        try:
            scores.update(zip(chunk, _read(model, [readings[index] for index in chunk], pad), strict=True))
        except (RuntimeError, MemoryError) as error:
            half = halved(len(chunk), error)
            chunks += [chunk[:half], chunk[half:]]
    return [scores[index] for index in range(len(readings))]


@torch.inference_mode()
def _read(model: Any, readings: Sequence[Reading], pad: int) -> list[float]:
    def tensor(values: Sequence[Any]) -> torch.Tensor:
        return torch.tensor(values, device=model.device)

    # padding stands behind every target, where causal attention does not look
    ids, seen = padded([reading.unread for reading in readings], pad, model.device)
    behind, width = max(reading.shared for reading in readings), ids.shape[1]
    begins = [reading.begin for reading in readings]
    first = min(begins)
    if model.config.is_encoder_decoder:
        sources, read = padded([reading.source for reading in readings], pad, model.device)
        logits = model(input_ids=sources, attention_mask=read, decoder_input_ids=ids, use_cache=False).logits[:, first:]
    elif behind:
        shared = tensor([[reading.shared] for reading in readings])
        columns = torch.arange(behind + width, device=ids.device)
        logits = model(
            input_ids=ids,
            attention_mask=(columns >= behind - shared).long(),
            position_ids=shared + seen.cumsum(-1) - 1,
            past_key_values=_joined(readings, behind, width),
            use_cache=True,
            logits_to_keep=columns[first:width],
        ).logits
    else:
        logits = model(input_ids=ids, use_cache=False).logits[:, first:]
    targets, _ = padded([reading.target for reading in readings], pad, model.device)
    where = tensor(begins)[:, None] - first + torch.arange(targets.shape[1], device=ids.device)
    where = where.clamp(max=width - first - 1)[..., None]
    logprobs = logits.gather(1, where.expand(-1, -1, logits.shape[2])).float().log_softmax(-1)
    taken = logprobs.gather(-1, targets[..., None]).squeeze(-1).tolist()
    return [sum(values[: len(reading.target)]) for values, reading in zip(taken, readings, strict=True)]


def _joined(readings: Sequence[Reading], behind: int, width: int) -> Cache:
    """What the readings share, padded on the left to the same number of columns, with room for `width` more."""
    layers = [Layer(*like, len(readings), behind + width) for like in next(r.cached for r in readings if r.cached)]
    for number, layer in enumerate(layers):
        for row, reading in enumerate(readings):
            if reading.cached and reading.shared:
                for held, known in zip(layer.held, reading.cached[number], strict=True):
                    held[row, :, behind - reading.shared : behind] = known[:, : reading.shared]
        layer.show(len(readings), 0, behind)
    return Cache(layers=layers)


def _chunks(order: Sequence[int], readings: Sequence[Reading], tokens: int, vocabulary: int) -> Iterator[list[int]]:
    """Readings of like length together, as many as are worth reading at a time."""
    chunk: list[int] = []
    first = 0
    for index in order:
        width, begin = len(readings[index].unread), readings[index].begin
        first = min(first, begin) if chunk else begin
        size = len(chunk) + 1
        if chunk and (size * width > tokens or size * (width - first) * vocabulary > _LOGITS):
            yield chunk
            chunk, first = [], begin
        chunk.append(index)
    if chunk:
        yield chunk
