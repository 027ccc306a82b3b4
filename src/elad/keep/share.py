"""Keepers of a share: each says what it thinks of every annotation, and the highest are kept."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import Field

from elad.keep.keeper import Keeper, Kept
from elad.records import Annotation
from elad.select.selector import lot
from elad.turn import Turn


class Opinion(NamedTuple):
    """What is thought of an annotation: the highest ranks are kept, and none without one.

    `why` is the reason if it is left out. `score`: what it was judged by, where that is a number.
    """

    rank: float | None
    why: str
    score: float | None = None


class Share(Keeper):
    """Keeps so much of what a round has bought.

    `share`: of all its annotations, rounded, and one at least; where fewer have a rank, these. So equal shares are
    equally many, whatever the keeper, and keepers can be held against one another.
    """

    share: float = Field(0.1, gt=0, le=1)

    @property
    def percent(self) -> str:
        """The share, as it is said."""
        return f"{100 * self.share:g}%"

    @abstractmethod
    def judge(self, turn: Turn, annotations: Sequence[Annotation]) -> list[Opinion]:
        """What is thought of each annotation, in their order."""

    def keep(self, turn: Turn, annotations: Sequence[Annotation]) -> Kept:
        """The share that ranks highest; a lot decides between equals, another than that by which they were selected."""
        ids = [annotation.question.id for annotation in annotations]
        opinions = dict(zip(ids, self.judge(turn, annotations), strict=True))
        ranked = sorted(
            (-one.rank, lot(f"{turn.seed}/keep", id), id) for id, one in opinions.items() if one.rank is not None
        )
        kept = {id for *_, id in ranked[: max(1, round(self.share * len(ids)))]}
        return Kept(
            ids=tuple(id for id in ids if id in kept),
            left_out={id: one.why for id, one in opinions.items() if id not in kept},
            scores={id: one.score for id, one in opinions.items() if one.score is not None},
        )
