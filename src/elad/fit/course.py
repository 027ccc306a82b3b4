"""How a training has gone, and the weights that did best."""

import math
from dataclasses import dataclass, field

import torch

from elad.fit.mixture import Interval
from elad.fit.settings import EarlyStopping


@dataclass
class Course:
    """How a training has gone: the loss of every step, that of the rows set aside, and the weights that did best there.

    `dev` is of the start and of every epoch since; `mixture` has the intervals that have begun.
    """

    losses: list[float] = field(default_factory=list)
    dev: list[float] = field(default_factory=list)
    mixture: list[Interval] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)

    def looked(self, loss: float, model: torch.nn.Module) -> None:
        """Note the loss of the rows set aside, and the weights if it never was as low."""
        if not self.dev or loss < min(self.dev):
            self.best = {name: parameter.detach().clone() for name, parameter in trained(model).items()}
        self.dev.append(loss)

    def came_to_rest(self, stopping: EarlyStopping | None) -> bool:
        """Whether so many epochs did no better than one before them that no more is expected."""
        patience = stopping.patience if stopping else math.inf
        return bool(self.dev) and len(self.dev) - 1 - self.dev.index(min(self.dev)) >= patience

    def put_back_best(self, model: torch.nn.Module) -> None:
        """Let the model have the weights that did best, where it was looked."""
        put(self.best, model)


def trained(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The weights that training moves, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


@torch.no_grad()
def put(weights: dict[str, torch.Tensor], model: torch.nn.Module) -> None:
    """Let the model have these weights."""
    parameters = dict(model.named_parameters())
    for name, tensor in weights.items():
        parameters[name].copy_(tensor)
