"""Keep a share by lot: the baseline that every other keeper of a share is held against."""

from collections.abc import Sequence
from typing import Literal

from elad.keep.share import Opinion, Share
from elad.records import Annotation
from elad.turn import Turn


class Random(Share):
    """Every annotation is worth the same, so the seed decides."""

    kind: Literal["random"] = "random"

    def judge(self, turn: Turn, annotations: Sequence[Annotation]) -> list[Opinion]:
        """The same of all."""
        return [Opinion(0.0, f"not among the {self.percent} that were drawn")] * len(annotations)
