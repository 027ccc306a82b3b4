"""Select by how unlikely the answer is (Lewis & Gale 1994; of sequences, Culotta & McCallum 2005)."""

from typing import Literal

from elad.records import Attempt
from elad.select.scores import least_confidence
from elad.select.selector import Selector


class LeastConfidence(Selector):
    """Where the student finds its own answer improbable."""

    kind: Literal["least_confidence"] = "least_confidence"

    def score(self, attempt: Attempt) -> float:
        """One minus the probability of the answer, all of its tokens together."""
        return least_confidence(attempt)
