"""Train: how does the student learn it, and in what mixture?"""

from elad.train.rehearsal import Rehearsal
from elad.train.sft import Sft
from elad.train.trainer import Lesson, Trainer

__all__ = ["Lesson", "Rehearsal", "Sft", "Trainer"]
