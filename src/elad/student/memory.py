"""How many texts can be in flight at once, from the memory that the machine has."""

import os
from pathlib import Path
from typing import Any

import torch

from elad.errors import InputError
from elad.progress import say

SPARE = 64
"""Columns of keys and values that are kept free behind the longest text."""

MOST = 384
"""Rows beyond which a wider batch gained nothing on two cores; on a GPU it was not measured."""

_LIMIT = Path("/sys/fs/cgroup/memory.max")


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
    return int(max(1, min(MOST, (_total(model.device) - weights) / 2 / row)))


def at_a_time(model: Any) -> int:
    """Tokens that are encoded at a time: what a CPU's caches hold; more on a GPU, where it was not measured."""
    return 1024 if model.device.type == "cpu" else 8192


def halved(count: int, error: Exception) -> int:
    """How many texts to go on with after memory ran out. Raises InputError where it was one, and any other error."""
    if not (isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)):
        raise error
    if count == 1:
        raise InputError("student.rows: not even one text at a time fits into the memory that is there") from error
    say(f"  out of memory: going on with {count // 2} texts at a time")
    return count // 2


def _total(device: Any) -> float:
    """Bytes of memory of the device that a model is on."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    limit = _LIMIT.read_text().strip() if _LIMIT.is_file() else "max"
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return float(min(total, int(limit)) if limit.isdigit() else total)
