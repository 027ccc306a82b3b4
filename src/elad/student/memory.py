"""How many texts can be in flight at once, from the memory that the machine has."""

import os
from pathlib import Path
from typing import Any

from elad.student.slots import ROOM

MOST = 384
"""Rows beyond which a wider batch gained nothing where it was measured (`benchmarks/README.md`)."""

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
    row = 2 * config.num_hidden_layers * width * number * (tokens + ROOM) + 12 * config.vocab_size
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    return int(max(1, min(MOST, (_total(model.device) - weights) / 2 / row)))


def _total(device: Any) -> float:
    """Bytes of memory of the device that a model is on."""
    import torch

    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    limit = _LIMIT.read_text().strip() if _LIMIT.is_file() else "max"
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return float(min(total, int(limit)) if limit.isdigit() else total)
