"""Where questions lie, as the student sees them: the mean of its last hidden states over each prompt.

So IFD's authors embed instructions (arXiv 2308.12032; their code reads the whole prompt, with what stands around the
instruction). A model with an encoder embeds by that alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elad.student.lora import is_adapted
from elad.student.memory import at_a_time, halved
from elad.student.padding import padded


def embeddings(model: Any, prompts: Sequence[Sequence[int]], *, pad: int) -> NDArray[np.float32]:
    """The embeddings of prompts in tokens, at least one each: (prompts, the model's width).

    Raises InputError where memory does not hold even one.
    """
    body = _body(model)
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    count = max(1, at_a_time(model) // max(map(len, prompts), default=1))
    chunks = [order[start : start + count] for start in range(0, len(order), count)]
    found: dict[int, torch.Tensor] = {}
    while chunks:
        chunk = chunks.pop()
        try:
            found.update(zip(chunk, _means(body, [prompts[row] for row in chunk], pad, model.device), strict=True))
        except (RuntimeError, MemoryError) as error:
            half = halved(len(chunk), error)
            chunks += [chunk[:half], chunk[half:]]
    if not found:
        return np.zeros((0, model.config.get_text_config().hidden_size), np.float32)
    return torch.stack([found[row] for row in range(len(prompts))]).numpy()


@torch.inference_mode()
def _means(body: Any, prompts: Sequence[Sequence[int]], pad: int, device: torch.device) -> torch.Tensor:
    ids, seen = padded(prompts, pad, device)
    states: torch.Tensor = body(input_ids=ids, attention_mask=seen).last_hidden_state.float()
    return ((states * seen[..., None]).sum(1) / seen.sum(1, keepdim=True)).cpu()


def _body(model: Any) -> Any:
    """The model without its head; of one with an encoder, the encoder."""
    whole = model.get_base_model() if is_adapted(model) else model
    return whole.get_encoder() if whole.config.is_encoder_decoder else whole.base_model
