"""Train: how does the student learn it, and in what mixture?"""

from elad.train.dpo import Dpo
from elad.train.rehearsal import Rehearsal
from elad.train.sft import Sft
from elad.train.trainer import Trainer

__all__ = ["Dpo", "Rehearsal", "Sft", "Trainer"]
