"""Keep what the student finds unlikely: a control for IFD (arXiv 2308.12032), whose numerator it is."""

from typing import Literal

from elad.keep.likelihood import ByLikelihood
from elad.keep.share import Opinion
from elad.records import Likelihood


class Loss(ByLikelihood):
    """The highest mean loss of a token of the target, given its question."""

    kind: Literal["loss"] = "loss"

    def of(self, likelihood: Likelihood) -> Opinion:
        """Its loss in nats."""
        loss = -likelihood.asked / likelihood.tokens
        return Opinion(loss, f"loss {loss:.6g} is not among the highest {self.percent}", loss)
