"""How many texts can be in flight at once, from the memory that the machine has."""

from typing import Any

import torch

from elad.errors import InputError
from elad.machine import device
from elad.progress import say

SPARE = 16
"""Columns of keys and values that are free behind the longest text: so many tokens are written until all is moved."""

MOST = 384
"""Rows at most, whatever the memory; `make evidence` tells what other numbers take."""


def rows_that_fit(model: Any, tokens: int) -> int:
    """Rows of so many tokens whose keys and values fill at most half of what the weights leave of the memory.

    It reads the memory that the machine has, not what is free at the moment, so that a run that is resumed goes on in
    the same batches.
    """
    config = model.config.get_text_config()
    width = config.hidden_size
    if heads := getattr(config, "num_attention_heads", None):
        size = getattr(config, "head_dim", None) or width // heads
        width = (getattr(config, "num_key_value_heads", None) or heads) * size
    number = next(model.parameters()).element_size()
    row = 2 * config.num_hidden_layers * width * number * (tokens + SPARE) + 12 * config.vocab_size
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    return int(max(1, min(MOST, (device(model.device.type).memory - weights) / 2 / row)))


def at_a_time(model: Any) -> int:
    """Tokens that are encoded at a time: what a CPU's caches hold; more on a GPU, where it was not measured."""
    return 1024 if model.device.type == "cpu" else 8192


def halved(count: int, error: Exception) -> int:
    """How many texts to go on with after memory ran out. Raises InputError where it was one, and any other error."""
    if not (isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)):
        raise error
    if count == 1:
        raise InputError("not even one text at a time fits into the memory that is there") from error
    say(f"  out of memory: going on with {count // 2} texts at a time")
    return count // 2
