"""What this machine has: versions, processors, memory, precision."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

_LIMIT = Path("/sys/fs/cgroup/memory.max")
_LIBRARIES = {"elad": "elad-distill", "torch": "torch", "transformers": "transformers", "peft": "peft"}


class Device(NamedTuple):
    """Where a student computes. `memory`: all that there is, in bytes."""

    name: str
    memory: int
    bfloat16: bool


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that a student's weights depend on, as far as they are installed."""
    found = {"python": platform.python_version()}
    for name, package in _LIBRARIES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            continue
    return found


def device(kind: str) -> Device:
    """A device by its kind, such as `cpu` or `cuda`."""
    import torch

    if kind == "cuda":
        about = torch.cuda.get_device_properties(torch.device(kind))
        return Device(about.name, about.total_memory, torch.cuda.is_bf16_supported(including_emulation=False))
    return Device(f"CPU, {torch.get_num_threads()} threads", _memory(), False)


def best_device() -> str:
    """The kind of device that is taken where none is named."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _memory() -> int:
    """Bytes of memory that this process may have: the machine's, or what its container is given."""
    limit = _LIMIT.read_text().strip() if _LIMIT.is_file() else "max"
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(total, int(limit)) if limit.isdigit() else total
