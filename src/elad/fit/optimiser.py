"""Which weights a training moves, and by what rule."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from transformers import get_scheduler

from elad.errors import InputError
from elad.fit.course import trained
from elad.fit.settings import Optimiser
from elad.machine import device as device_of


def optimised(model: torch.nn.Module, optimiser: Optimiser, steps: int) -> tuple[torch.optim.AdamW, Any]:
    """The optimiser of a model's trainable weights, and its learning rate's schedule over so many steps."""
    adam = torch.optim.AdamW(_groups(model, optimiser.weight_decay), lr=optimiser.learning_rate)
    name = {"cosine": "cosine_with_min_lr", "constant": "constant_with_warmup"}.get(optimiser.schedule, "linear")
    floor = {"min_lr_rate": 0.1} if optimiser.schedule == "cosine" else None
    return adam, get_scheduler(name, adam, round(steps * optimiser.warmup), steps, scheduler_specific_kwargs=floor)


def precision(optimiser: Optimiser, device: torch.device) -> torch.dtype:
    """What a device is to compute in."""
    if optimiser.precision == "auto":
        return torch.bfloat16 if device_of(device.type).bfloat16 else torch.float32
    return torch.bfloat16 if optimiser.precision == "bfloat16" else torch.float32


def freeze(model: torch.nn.Module, patterns: Sequence[str]) -> None:
    """Train all weights but those whose names match a pattern, as in `model.layers.[0-3].*`.

    Raises InputError where a pattern matches none, or nothing is left to train.
    """
    names = [name for name, _ in model.named_parameters()]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InputError(
                f"train.frozen: {pattern!r} matches none of the student's weights, such as {', '.join(names[:3])}"
            )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not is_frozen(name, patterns))
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError("train.frozen: nothing is left to train")


def is_frozen(name: str, patterns: Sequence[str]) -> bool:
    """Whether a weight of this name stays as it is."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay; norms, biases and embeddings do not (a word that is not read now must not fade)."""
    embeddings = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    decayed: list[torch.nn.Parameter] = []
    spared: list[torch.nn.Parameter] = []
    for p in trained(model).values():
        (decayed if p.dim() > 1 and id(p) not in embeddings else spared).append(p)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": spared, "weight_decay": 0.0}]
