"""Explanation-guided sample selection (ELAD, arXiv 2402.13098).

That ELAD looks at uncertainty between explanations and, by taking steps out, within one is attested; its estimators
are not published. These are our reconstruction, with the variants named so that a study can tell them apart.
"""

from typing import Literal

from pydantic import Field

from elad.records import Attempt, Needs
from elad.select.scores import Intra, inter, intra
from elad.select.selector import Selector


class Egss(Selector):
    """`inter_weight` x inter + `intra_weight` x intra, where a student's explanations disagree or one of them is shaky.

    `samples` explanations are drawn at `temperature` for inter. `intra` names the variant of the value per step,
    `over` how the steps are put together, `rebuilds` how many continuations `rebuild` draws from before each step.
    """

    kind: Literal["egss"] = "egss"
    samples: int = Field(5, gt=0)
    temperature: float = Field(0.7, gt=0)
    intra: Intra = "entropy"
    over: Literal["mean", "max"] = "mean"
    rebuilds: int = Field(3, gt=0)
    inter_weight: float = Field(1.0, ge=0)
    intra_weight: float = Field(1.0, ge=0)

    @property
    def needs(self) -> Needs:
        """Sampled explanations, and what the variant reads."""
        return Needs(
            samples=self.samples,
            temperature=self.temperature,
            removed=self.intra == "removal",
            rebuilds=self.rebuilds if self.intra == "rebuild" else 0,
        )

    def score(self, attempt: Attempt) -> float:
        """The weighted sum of the two uncertainties."""
        within = intra(attempt, self.intra, self.over) or 0.0
        return self.inter_weight * (inter(attempt) or 0.0) + self.intra_weight * within
