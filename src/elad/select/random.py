"""Select at random: the baseline that every other selector is held against."""

from typing import ClassVar, Literal

from elad.records import Attempt
from elad.select.selector import Selector


class Random(Selector):
    """Every question is worth the same, so the seed decides."""

    kind: Literal["random"] = "random"

    reads_evidence: ClassVar[bool] = False

    def score(self, attempt: Attempt) -> float:
        """The same for all."""
        return 0.0
