"""Writing and scoring text with a causal language model, many rows at a time.

Sampling draws from a generator of each row's own, so what a row is dealt does not depend on its neighbours.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import torch


class Writing(NamedTuple):
    """What the model wrote after one prompt: token ids without the end mark.

    Per token, its log-probability and the entropy of the distribution that it came from, both in nats, at temperature
    1. `ended`: it wrote the end mark.
    """

    tokens: list[int]
    logprobs: list[float]
    entropies: list[float]
    ended: bool


def write(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    pad: int,
    ends: frozenset[int],
    most: Sequence[int],
    temperature: float = 0.0,
    dice: Sequence[np.random.Generator] = (),
) -> list[Writing]:
    """Continue each prompt by at most its `most` tokens: greedily at temperature 0, else with the row's own dice."""
    import torch

    rows = [Writing([], [], [], False) for _ in prompts]
    alive = list(range(len(prompts)))
    inputs, mask = _left_padded(prompts, pad, model.device)
    cache: Any = None
    with torch.inference_mode():
        for written in range(1, max(most) + 1):
            positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -inputs.shape[1] :]
            out = model(
                input_ids=inputs,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache = out.past_key_values
            logits = out.logits[:, -1].float()
            logprobs = logits.log_softmax(-1)
            entropies = -(logprobs.exp() * logprobs).nan_to_num().sum(-1)
            if temperature:
                rolls = torch.tensor([[dice[row].random()] for row in alive], device=logits.device)
                ladder = (logits.double() / temperature).softmax(-1).cumsum(-1)
                tokens = torch.searchsorted(ladder, rolls.double() * ladder[:, -1:]).squeeze(-1)
            else:
                tokens = logits.argmax(-1)
            chosen = logprobs.gather(-1, tokens[:, None]).squeeze(-1)
            going: list[int] = []
            for place, (row, token, logprob, entropy) in enumerate(
                zip(alive, tokens.tolist(), chosen.tolist(), entropies.tolist(), strict=True)
            ):
                if token in ends:
                    rows[row] = rows[row]._replace(ended=True)
                    continue
                rows[row].tokens.append(token)
                rows[row].logprobs.append(logprob)
                rows[row].entropies.append(entropy)
                if written < most[row]:
                    going.append(place)
            if not going:
                break
            inputs = tokens[:, None]
            mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)
            if len(going) < len(alive):  # rows that have ended leave the batch
                kept = torch.tensor(going, device=inputs.device)
                cache.batch_select_indices(kept)
                inputs, mask = inputs[kept], mask[kept]
                alive = [alive[place] for place in going]
    return rows


def loglikelihoods(model: Any, pairs: Sequence[tuple[Sequence[int], Sequence[int]]], *, pad: int) -> list[float]:
    """The log-probability of each target after its context, in nats: one number a (context, target) pair."""
    import torch

    rows = [[*context, *target] for context, target in pairs]
    longest = max(map(len, rows))
    inputs = torch.tensor([row + [pad] * (longest - len(row)) for row in rows], device=model.device)
    with torch.inference_mode():
        # padding stands behind every target, where causal attention does not look
        logprobs = model(input_ids=inputs, use_cache=False).logits.float().log_softmax(-1)
        taken = logprobs[:, :-1].gather(-1, inputs[:, 1:, None]).squeeze(-1)
    return [
        float(taken[row, len(context) - 1 : len(context) - 1 + len(target)].sum())
        for row, (context, target) in enumerate(pairs)
    ]


def _left_padded(
    prompts: Sequence[Sequence[int]], pad: int, device: "torch.device"
) -> tuple["torch.Tensor", "torch.Tensor"]:
    import torch

    longest = max(map(len, prompts))
    inputs = [[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(inputs, device=device), torch.tensor(mask, device=device)
