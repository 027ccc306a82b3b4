"""Select by the entropy of the answer's tokens: uncertainty sampling as it was before explanations."""

from typing import Literal

from elad.records import Attempt
from elad.select.scores import answer_entropy
from elad.select.selector import Selector


class Entropy(Selector):
    """Where the student's distribution over its answer is flat."""

    kind: Literal["entropy"] = "entropy"

    def score(self, attempt: Attempt) -> float:
        """Mean predictive entropy of the answer's tokens, in nats."""
        return answer_entropy(attempt)
