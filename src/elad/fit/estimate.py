"""How much memory a training takes: an estimate, before it is tried."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from elad.fit.optimiser import is_frozen
from elad.fit.settings import Optimiser
from elad.student import Lora


class Estimate(NamedTuple):
    """Bytes that a training takes whatever its batch, and those for every token of a batch."""

    fixed: float
    a_token: float

    def texts(self, memory: float, tokens: int) -> int:
        """Texts of so many tokens that fit into a memory beside what is fixed; nine tenths of it are counted on."""
        return max(0, int((0.9 * memory - self.fixed) / (self.a_token * tokens)))


def training(model: Any, optimiser: Optimiser, lora: Lora | None, frozen: Sequence[str], *, half: bool) -> Estimate:
    """What training a model takes; `half`: computed in two bytes a number. Only the shapes of its weights are read.

    Our own count of what a layer keeps for the backward pass: eight tensors of its width and four of its inner width a
    token, norms as whole numbers; scores of attention are not held.
    """
    config = model.config.get_text_config()
    width, layers = config.hidden_size, config.num_hidden_layers
    inner = next(
        (size for name in ("intermediate_size", "d_ff", "n_inner") if (size := getattr(config, name, 0))), 4 * width
    )
    weights = sum(parameter.numel() for parameter in model.parameters())
    if lora:
        moved = sum(lora.rank * sum(p.shape) for p in model.parameters() if p.dim() == 2)
    else:
        moved = sum(p.numel() for name, p in model.named_parameters() if not is_frozen(name, frozen))
    number = 2 if half else 4
    layer = number * (8 * width + 4 * inner) + (16 * width if half else 0)
    kept = layer + layers * width * number if optimiser.checkpointing else layers * layer
    # weights, and copies of them in half; gradients and two moments; logits, as whole numbers, and their gradients
    return Estimate(fixed=(6.0 if half else 4.0) * weights + 12.0 * moved, a_token=kept + 12.0 * config.vocab_size)
