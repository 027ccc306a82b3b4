"""How likely a text is behind another, many at a time; what was read of the text before is not read again."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from transformers.cache_utils import Cache

from elad.student.slots import PREFILL, Cached, Layer

_LOGITS = 2**25
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


def loglikelihoods(model: Any, readings: Sequence[Reading], *, pad: int) -> list[float]:
    """The log-probability of each target behind its context, in nats. Targets have at least one token."""
    order = sorted(range(len(readings)), key=lambda index: len(readings[index].unread))
    scores: dict[int, float] = {}
    for chunk in _chunks(order, readings, model.config.get_text_config().vocab_size):
        scores.update(zip(chunk, _read(model, [readings[index] for index in chunk], pad), strict=True))
    return [scores[index] for index in range(len(readings))]


@torch.inference_mode()
def _read(model: Any, readings: Sequence[Reading], pad: int) -> list[float]:
    def tensor(values: Sequence[Any]) -> torch.Tensor:
        return torch.tensor(values, device=model.device)

    unread = [reading.unread for reading in readings]
    width, behind = max(map(len, unread)), max(reading.shared for reading in readings)
    begins = [len(reading.context) - reading.shared - 1 for reading in readings]
    first = min(begins)
    ids = tensor([[*tokens, *[pad] * (width - len(tokens))] for tokens in unread])
    # padding stands behind every target, where causal attention does not look
    if behind:
        shared = tensor([[reading.shared] for reading in readings])
        columns = torch.arange(behind + width, device=ids.device)
        logits = model(
            input_ids=ids,
            attention_mask=(columns >= behind - shared).long(),
            position_ids=shared + columns[:width],
            past_key_values=_joined(readings, behind, width),
            use_cache=True,
            logits_to_keep=columns[first:width],
        ).logits
    elif model.config.is_encoder_decoder:
        longest = max(len(reading.source) for reading in readings)
        sources = tensor([[*reading.source, *[pad] * (longest - len(reading.source))] for reading in readings])
        seen = tensor([[1] * len(reading.source) + [0] * (longest - len(reading.source)) for reading in readings])
        logits = model(input_ids=sources, attention_mask=seen, decoder_input_ids=ids, use_cache=False).logits[:, first:]
    else:
        logits = model(input_ids=ids, use_cache=False).logits[:, first:]
    longest = max(len(reading.target) for reading in readings)
    targets = tensor([[*reading.target, *[pad] * (longest - len(reading.target))] for reading in readings])
    where = tensor(begins)[:, None] - first + torch.arange(longest, device=ids.device)
    where = where.clamp(max=width - first - 1)[..., None]
    logprobs = logits.gather(1, where.expand(-1, -1, logits.shape[2])).float().log_softmax(-1)
    taken = logprobs.gather(-1, targets[..., None]).squeeze(-1).tolist()
    return [sum(values[: len(reading.target)]) for values, reading in zip(taken, readings, strict=True)]


def _joined(readings: Sequence[Reading], behind: int, width: int) -> Cache | None:
    """What the readings share, padded on the left to the same number of columns, with room for `width` more."""
    if not behind:
        return None
    layers = [Layer(*like, len(readings), behind + width) for like in next(r.cached for r in readings if r.cached)]
    for number, layer in enumerate(layers):
        for row, reading in enumerate(readings):
            if reading.cached and reading.shared:
                for held, known in zip(layer.held, reading.cached[number], strict=True):
                    held[row, :, behind - reading.shared : behind] = known[:, : reading.shared]
        layer.show(len(readings), 0, behind)
    return Cache(layers=layers)


def _chunks(order: Sequence[int], readings: Sequence[Reading], vocabulary: int) -> Iterator[list[int]]:
    """Readings of like length together, as many as are worth reading at a time."""
    chunk: list[int] = []
    for index in order:
        width = len(readings[index].unread)
        size = len(chunk) + 1
        if chunk and (size * width > PREFILL or size * width * vocabulary > _LOGITS):
            yield chunk
            chunk = []
        chunk.append(index)
    if chunk:
        yield chunk
