"""A training under way, kept in a file from time to time, so that it goes on where it was: safetensors, no pickle."""

import json
import os
import time
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from elad.errors import StorageError
from elad.fit.course import Course, put, trained
from elad.fit.mixture import Interval

FILE = "training.safetensors"


class Checkpoint:
    """Keeps a training in a folder, at most every so many seconds; without a folder it keeps nothing.

    `key` names the training: what another one left behind is not gone on with.
    """

    def __init__(self, folder: Path | None, key: str, every: float) -> None:
        self._file = folder / FILE if folder else None
        self._key = key
        self._every = every
        self._kept = time.monotonic()

    def load(self, model: torch.nn.Module, adam: torch.optim.Optimizer, schedule: Any) -> Course | None:
        """Put everything back as it was kept; None where nothing was."""
        if self._file is None or not self._file.is_file():
            return None
        try:
            with safe_open(self._file, framework="pt") as kept:
                about = kept.metadata() or {}
                if about.get("key") != self._key:
                    return None
                held = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):  # not a whole file: the training begins anew
            return None
        put(_named(held, "weight/"), model)
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _named(held, "moment/").items():
            number, _, what = name.partition("/")
            moments.setdefault(int(number), {})[what] = tensor
        adam.load_state_dict({"state": moments, "param_groups": json.loads(about["groups"])})
        schedule.load_state_dict(json.loads(about["schedule"]))
        for device, state in _named(held, "dice/").items():
            (torch.cuda if device == "cuda" else torch).set_rng_state(state)
        course = json.loads(about["course"])
        mixture = [Interval.model_validate(interval) for interval in course["mixture"]]
        return Course(course["losses"], course["dev"], mixture, best=_named(held, "best/"))

    def keep(self, model: torch.nn.Module, adam: torch.optim.Optimizer, schedule: Any, course: Course) -> None:
        """Keep the training as it stands, if it is time. Raises StorageError where the disk does not take it."""
        if self._file is None or time.monotonic() - self._kept < self._every:
            return
        state = adam.state_dict()
        held = {f"weight/{name}": parameter.detach() for name, parameter in trained(model).items()}
        held |= {f"moment/{n}/{what}": tensor for n, of in state["state"].items() for what, tensor in of.items()}
        held |= {f"best/{name}": tensor for name, tensor in course.best.items()}
        held["dice/cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            held["dice/cuda"] = torch.cuda.get_rng_state()
        about = {
            "key": self._key,
            "groups": json.dumps(state["param_groups"]),
            "schedule": json.dumps(schedule.state_dict()),
            "course": json.dumps({"losses": course.losses, "dev": course.dev, "mixture": _plain(course.mixture)}),
        }
        draft = self._file.with_suffix(".draft")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            save_file({name: tensor.contiguous() for name, tensor in held.items()}, draft, metadata=about)
            os.replace(draft, self._file)
        except (SafetensorError, OSError) as error:
            draft.unlink(missing_ok=True)
            raise StorageError(
                f"the training can't be kept at {self._file} ({error}). Mend that and run the same command again."
            ) from error
        self._kept = time.monotonic()


def _plain(intervals: list[Interval]) -> list[dict[str, Any]]:
    return [interval.model_dump() for interval in intervals]


def _named(held: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in held.items() if name.startswith(prefix)}
