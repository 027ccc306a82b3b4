"""Preference training: what is chosen is made likelier, and what is rejected less, by TRL's DPO (arXiv 2305.18290).

The loss of a pair is -log sigmoid(beta (r(chosen) - r(rejected))), with r a text's log-probability less what the
student gave it before the training; and, where it is asked for, some of the chosen text's own loss.
"""

import math
import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from elad.errors import InputError
from elad.fit.learner import prepare
from elad.fit.optimiser import optimised, precision
from elad.fit.settings import Fitted, Optimiser
from elad.progress import counter, say
from elad.student import Example, Lora, Student
from elad.student.lora import merged

if TYPE_CHECKING:
    from elad.fit.fit import Log


class Preference(NamedTuple):
    """Two texts behind one prompt, the first to be preferred."""

    chosen: Example
    rejected: Example


class Objective(NamedTuple):
    """How closely the student is held to what it was, and how much is added of the chosen tokens' mean loss."""

    beta: float
    sft: float = 0.0

    @property
    def terms(self) -> dict[str, float]:
        """What is added up, as TRL names it, and how much of it."""
        return {"sigmoid": 1.0, **({"sft": self.sft} if self.sft else {})}


def prefer(
    student: Student,
    pairs: Sequence[Preference],
    optimiser: Optimiser,
    objective: Objective,
    seed: str,
    *,
    lora: Lora | None = None,
    log: "Log" = lambda figures, step: None,
) -> Fitted:
    """Train the student in place, held to what it is now; without pairs it stays as it is.

    What is too long for its context is left out. Its losses are those of pairs, in nats. Raises InputError when the
    loss is no longer a number, or the student can't be trained so.
    """
    rows = [row for pair in pairs if (row := _row(student, pair))]
    left_out = len(pairs) - len(rows)
    if left_out:
        say(f"  {left_out} of {len(pairs)} pairs are longer than the student's context and are left out")
    if not rows:
        return Fitted(left_out=left_out)
    losses = _trained(student, rows, optimiser, objective, seed, lora, log)
    tenth = max(1, len(losses) // 10)
    passes, rest = divmod(len(losses), math.ceil(len(rows) / optimiser.texts))
    mean = sum(len(row["chosen_ids"]) + len(row["rejected_ids"]) for row in rows) / len(rows)
    return Fitted(
        steps=len(losses),
        tokens=round((passes * len(rows) + rest * optimiser.texts) * mean),
        first_loss=sum(losses[:tenth]) / tenth,
        last_loss=sum(losses[-tenth:]) / tenth,
        left_out=left_out,
    )


_Row = dict[str, list[int]]
"""A pair in tokens, as TRL names them."""


def _row(student: Student, pair: Preference) -> _Row | None:
    """A pair in the student's own tokens; None where one of its texts is too long."""
    ids, start = student.encode(pair.chosen.prompt, pair.chosen.target)
    others, _ = student.encode(pair.rejected.prompt, pair.rejected.target)
    if student.context is not None and max(len(ids), len(others)) > student.context:
        return None
    return {"prompt_ids": ids[:start], "chosen_ids": ids[start:], "rejected_ids": others[start:]}


def _trained(
    student: Student,
    rows: list[_Row],
    optimiser: Optimiser,
    objective: Objective,
    seed: str,
    lora: Lora | None,
    log: "Log",
) -> list[float]:
    """Have TRL train a copy, for it changes more of a model than its weights; the loss of every step."""
    from datasets import Dataset
    from transformers import PrinterCallback
    from trl import DPOConfig, DPOTrainer

    class Tokens(DPOTrainer):  # type: ignore[misc]
        """Takes pairs as they are: in the student's tokens, which ends a text as it always does."""

        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    steps = optimiser.steps or math.ceil(len(rows) * optimiser.epochs / optimiser.texts)
    student.changing()
    prepare(student, optimiser, lora)
    policy, reference = deepcopy(student.model), merged(deepcopy(student.model))
    drawn = random.Random(seed).getrandbits(31)
    with TemporaryDirectory(prefix="elad-") as scratch, counter("train", steps) as tick:
        settings = DPOConfig(
            output_dir=scratch, beta=objective.beta,
            loss_type=[*objective.terms], loss_weights=[*objective.terms.values()],
            max_steps=steps, max_length=None, seed=drawn, data_seed=drawn,
            per_device_train_batch_size=optimiser.batch, gradient_accumulation_steps=optimiser.accumulate,
            max_grad_norm=optimiser.clip, bf16=precision(optimiser, policy.device) == torch.bfloat16,
            activation_checkpointing=optimiser.checkpointing, use_cpu=policy.device.type == "cpu",
            dataloader_pin_memory=False, logging_steps=1, logging_nan_inf_filter=False, save_strategy="no",
            report_to="none", disable_tqdm=True,
        )  # fmt: skip
        trainer = Tokens(
            policy, reference, settings, train_dataset=Dataset.from_list(rows), processing_class=student.tokenizer,
            callbacks=[_telling(log, tick)], optimizers=optimised(policy, optimiser, steps),
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    losses = [float(told["loss"]) for told in trainer.state.log_history if "loss" in told]
    if not all(map(math.isfinite, losses)):
        raise InputError("training came apart: a loss is no longer a number. Lower train.optimiser.learning_rate.")
    student.model.load_state_dict(policy.state_dict())
    student.model.eval()
    return losses


def _telling(log: "Log", tick: Callable[[], None]) -> Any:
    """Tells figures on, and ticks; it is also where the training is interrupted."""
    from transformers import TrainerCallback

    class Telling(TrainerCallback):  # type: ignore[misc]
        """What TRL calls as it goes on."""

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            """A step is done."""
            tick()

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            """Its figures are known."""
            log(
                {name: value for name, value in (logs or {}).items() if isinstance(value, int | float)},
                state.global_step,
            )

    return Telling()
