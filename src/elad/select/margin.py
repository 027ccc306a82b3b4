"""Select by the margin of the answer's tokens (Scheffer et al. 2001)."""

from typing import Literal

from elad.records import Attempt
from elad.select.scores import answer_margin
from elad.select.selector import Selector


class Margin(Selector):
    """Where another token would have taken the student's answer elsewhere by a hair."""

    kind: Literal["margin"] = "margin"

    def score(self, attempt: Attempt) -> float:
        """One minus the smallest lead, in probability, of one of the answer's tokens over the next likeliest."""
        return answer_margin(attempt)
