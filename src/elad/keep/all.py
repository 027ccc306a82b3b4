"""Keep everything that was bought."""

from collections.abc import Sequence
from typing import Literal

from elad.keep.keeper import Keeper, Kept
from elad.records import Annotation
from elad.turn import Turn


class All(Keeper):
    """Every annotation is trained on."""

    kind: Literal["all"] = "all"

    def keep(self, turn: Turn, annotations: Sequence[Annotation]) -> Kept:
        """All of them."""
        return Kept(ids=tuple(annotation.question.id for annotation in annotations))
