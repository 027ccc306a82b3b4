"""Select the longest explanations: a baseline for every doubt that merely grows with them."""

from typing import Literal

from elad.records import Attempt
from elad.select.scores import explanation_length
from elad.select.selector import Selector


class Longest(Selector):
    """Where the student has written most."""

    kind: Literal["longest"] = "longest"

    def score(self, attempt: Attempt) -> float:
        """The tokens of its steps and its answer."""
        return explanation_length(attempt)
