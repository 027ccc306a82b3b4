"""How much memory a training takes: an estimate, before it is tried."""

from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from elad.fit.settings import Optimiser
from elad.student import Lora

_KEPT_BETWEEN_LAYERS = 34
"""Bytes that a layer keeps for the backward pass, a token and unit of width, where numbers have two bytes.

Korthikanti et al. 2022 (arXiv 2205.05198), section 4.1, without the scores of attention, which are not held.
"""


class Estimate(NamedTuple):
    """Bytes that a training takes whatever its batch, and those for every token of a batch."""

    fixed: float
    a_token: float

    def texts(self, memory: float, tokens: int) -> int:
        """Texts of so many tokens that fit into a memory beside what is fixed; nine tenths of it are counted on."""
        return max(0, int((0.9 * memory - self.fixed) / (self.a_token * tokens)))


def training(model: Any, optimiser: Optimiser, lora: Lora | None, frozen: tuple[str, ...], *, half: bool) -> Estimate:
    """What training a model takes; `half`: computed in two bytes a number. Only the shapes of its weights are read."""
    config = model.config.get_text_config()
    weights = sum(parameter.numel() for parameter in model.parameters())
    if lora:
        moved = sum(lora.rank * sum(p.shape) for _, p in model.named_parameters() if p.dim() == 2)
    else:
        moved = sum(
            p.numel()
            for name, p in model.named_parameters()
            if not any(fnmatchcase(name, pattern) for pattern in frozen)
        )
    number = 2 if half else 4
    layer = _KEPT_BETWEEN_LAYERS * config.hidden_size * number / 2
    layers = config.num_hidden_layers
    kept = layer + layers * config.hidden_size * number if optimiser.checkpointing else layers * layer
    # weights, then gradients and two moments of those that are moved; logits, as whole numbers, and their gradients
    return Estimate(fixed=4.0 * weights + 12.0 * moved, a_token=kept + 12.0 * config.vocab_size)
