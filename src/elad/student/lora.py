"""Low-rank updates beside a model's weights, which stay as they are: an adapter, in the words of peft."""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import Field

from elad.errors import InputError, reason_of
from elad.records import Record

SETTINGS = "adapter_config.json"
"""What a folder that holds updates alone is known by."""


class Lora(Record):
    """Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): only updates of this rank to some layers are learnt.

    They are scaled by `alpha` / `rank`; `dropout` is of what they read. `targets`: names of layers, or one text that is
    a regular expression over whole names; `all-linear` is all but the last.
    """

    rank: int = Field(16, gt=0)
    alpha: float = Field(32.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: str | list[str] = "all-linear"


def need_peft() -> Any:
    """The peft library. Raises InputError where it is not installed."""
    try:
        import peft
    except ImportError as error:
        raise InputError("train.lora needs peft: pip install 'elad-distill[lora]'") from error
    return peft


def adapted(model: Any, lora: Lora, key: str) -> Any:
    """A model with updates beside it, none so far. Raises InputError where it has no such layers, by a recipe's key."""
    settings = need_peft().LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        task_type="SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM",
    )
    try:
        return need_peft().get_peft_model(model, settings)
    except (ValueError, re.error) as error:
        raise InputError(f"{key}.lora.targets: {error}") from error


def is_adapted(model: Any) -> bool:
    """Whether there are updates beside a model."""
    return hasattr(model, "peft_config")


def merged(model: Any) -> Any:
    """A model that has taken the updates beside it, if there are any, into its weights, for good."""
    return model.merge_and_unload() if is_adapted(model) else model


def holds_adapter(folder: Path) -> bool:
    """Whether a folder holds updates alone, and not the weights that they stand beside."""
    return (folder / SETTINGS).is_file()


def settings_of(folder: Path) -> str:
    """What the updates in a folder were made with, in one spelling: peft keeps some lists in no order."""
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except ValueError:
        return "damaged"
    ordered = {name: sorted(value, key=repr) if isinstance(value, list) else value for name, value in settings.items()}
    return json.dumps(ordered, sort_keys=True)


def with_adapter(model: Any, folder: Path) -> Any:
    """A model with the updates that were saved in a folder. Raises InputError where these do not fit beside it."""
    peft = need_peft()
    try:
        return peft.PeftModel.from_pretrained(model, folder, is_trainable=True)
    except Exception as error:  # a damaged file can raise anything
        raise InputError(
            f"the low-rank updates at {folder} do not fit beside student.model ({reason_of(error)}). Put back the "
            "model that they were learnt beside."
        ) from error
