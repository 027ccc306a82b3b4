"""Select by the predictive entropy of the steps."""

from typing import Literal

from elad.records import Attempt
from elad.select.scores import step_entropy_max, step_entropy_mean
from elad.select.selector import Selector


class StepEntropy(Selector):
    """Where the student was unsure while it wrote its steps; `over` takes the mean or the largest of them."""

    kind: Literal["step_entropy"] = "step_entropy"
    over: Literal["mean", "max"] = "mean"

    def score(self, attempt: Attempt) -> float:
        """Predictive entropy per step, in nats."""
        return step_entropy_mean(attempt) if self.over == "mean" else step_entropy_max(attempt)
