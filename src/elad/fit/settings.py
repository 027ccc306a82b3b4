"""How a student is trained, as a recipe says it, and what came of it."""

from typing import Literal

from pydantic import Field, PositiveInt

from elad.fit.mixture import Interval
from elad.records import Record

Service = Literal["none", "tensorboard", "wandb", "trackio"]
"""Who is told the figures of a training while it goes on."""


class Optimiser(Record):
    """How the weights are moved: AdamW over steps of `accumulate` batches of `batch` texts.

    `learning_rate` is reached after `warmup` (a share of all steps) and then follows the `schedule`: along a cosine to
    a tenth of itself, linearly to nothing, or constant. `epochs` counts passes over the examples; `steps`, where they
    are named, are so many whatever the examples. `weight_decay` spares norms, biases and embeddings; `clip` bounds the
    gradient's norm. `packed`: a batch is one row without padding,
    whose texts don't see each other. `precision`: of the arithmetic, not of the weights; `auto` is bfloat16 on a GPU
    that has it. `checkpointing`: take less memory by computing what lies between layers twice.
    """

    learning_rate: float = Field(5e-4, gt=0, allow_inf_nan=False)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup: float = Field(0.1, ge=0, le=1)
    epochs: float = Field(3.0, gt=0, allow_inf_nan=False)
    steps: PositiveInt | None = None
    batch: int = Field(16, gt=0)
    accumulate: int = Field(1, gt=0)
    packed: bool = False
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    checkpointing: bool = False
    weight_decay: float = Field(0.01, ge=0)
    clip: float = Field(1.0, gt=0)

    @property
    def texts(self) -> int:
        """How many texts a step learns."""
        return self.batch * self.accumulate

    @property
    def once(self) -> "Optimiser":
        """The same for one pass over the examples."""
        return self.model_copy(update={"epochs": 1, "steps": None})

    def texts_read(self, examples: int) -> float:
        """How many texts a training on so many examples reads, those counted again that are read again."""
        return self.steps * self.texts if self.steps else self.epochs * examples


class SoftLabels(Record):
    """Another model's distributions over next tokens, learnt beside the tokens themselves.

    `model`: `mentor`, the round's (`annotate.mentor`); or a Hugging Face directory or hub id, with the student's
    tokenizer. A token's loss is `hard` times its cross-entropy and `soft` times KL(model || student), in nats, both
    softened by `temperature`. Mentor-KD has 0.7, 0.3 and 2, DDK 1, 0.2 and 1. With `soft` 0 nothing is learnt of the
    model, and a mixture can still compare the student with it.
    """

    model: str = "mentor"
    hard: float = Field(0.7, ge=0, allow_inf_nan=False)
    soft: float = Field(0.3, ge=0, allow_inf_nan=False)
    temperature: float = Field(2.0, gt=0, allow_inf_nan=False)


class EarlyStopping(Record):
    """Set aside a `share` of the examples, look at their loss after every epoch, and keep the weights that did best.

    The training ends when `patience` epochs in a row did no better.
    """

    share: float = Field(0.1, gt=0, lt=1)
    patience: int = Field(1, gt=0)


class Fitted(Record):
    """What came of a training: its steps, the tokens learnt from, the mean loss of its first and last tenth.

    `left_out` texts were longer than the student's context, so that nothing was learnt from them. `dev`: the loss of
    the examples that were set aside, before the training and after every epoch. `mixture`: its intervals, where it
    had any, and in the end how things stood then.
    """

    steps: int = 0
    tokens: int = 0
    first_loss: float = 0.0
    last_loss: float = 0.0
    left_out: int = 0
    dev: tuple[float, ...] = ()
    mixture: tuple[Interval, ...] = ()
