"""Low-rank updates beside a model's weights, which stay as they are: an adapter, in the words of peft."""

from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import Field

from elad.errors import InputError
from elad.records import Record


class Lora(Record):
    """Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): only updates of this rank to these layers are learnt."""

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


def adapted(model: Any, lora: Lora) -> Any:
    """A model with updates beside it, none so far. Raises InputError where it has no such layers."""
    settings = need_peft().LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        task_type="SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM",
    )
    try:
        return need_peft().get_peft_model(model, settings)
    except ValueError as error:
        raise InputError(f"train.lora.targets: {error}") from error


def is_adapted(model: Any) -> bool:
    """Whether there are updates beside a model."""
    return hasattr(model, "peft_config")


def merged(model: Any) -> Any:
    """A copy of a model that has taken its updates into its weights."""
    return deepcopy(model).merge_and_unload()


def holds_adapter(folder: Path) -> bool:
    """Whether a folder holds updates alone, and not the weights that they stand beside."""
    return (folder / "adapter_config.json").is_file()


def with_adapter(model: Any, folder: Path) -> Any:
    """A model with the updates that were saved in a folder."""
    return need_peft().PeftModel.from_pretrained(model, folder, is_trainable=True)
