"""Select by what the teacher's verdicts have taught about flaws. Ours: no paper's.

select: {kind: learned}
rounds: {audit: 0.2}  # how common flaws are is learnt of audits alone
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Self

import numpy as np
from pydantic import Field, PrivateAttr

from elad.records import Attempt, Needs
from elad.select.flaws import Flaws
from elad.select.scores import step_entropy_mean
from elad.select.selector import Judged, Selector
from elad.select.traits import spans


class Learned(Selector):
    """The expected gain of a repair: the chance of a flaw times how unsure the student was where the first one lies.

    Its entropy there, in nats, is how far a repair is expected to surprise it; being wrong and sure of it is not learnt
    from one example. Where the flaw lies is weighed over all steps. Before the first verdict every step is as
    likely, which is `step_entropy`. `samples` explanations at `temperature` tell how far answers disagree; `removed`
    and `rebuilds` gather the profiles of `egss`, which cost more evidence.
    """

    kind: Literal["learned"] = "learned"
    samples: int = Field(5, ge=0)
    temperature: float = Field(0.7, gt=0)
    removed: bool = False
    rebuilds: int = Field(0, ge=0)

    _flaws: Flaws | None = PrivateAttr(None)

    @property
    def needs(self) -> Needs:
        """What its fields name."""
        return Needs(samples=self.samples, temperature=self.temperature, removed=self.removed, rebuilds=self.rebuilds)

    def informed(self, judged: Iterable[Judged]) -> Self:
        """Fitted to these verdicts; as it is where there are none."""
        if not (seen := list(judged)):
            return self
        told = self.model_copy()
        told._flaws = Flaws(seen)
        return told

    @property
    def scores(self) -> Mapping[str, Callable[[Attempt], float | None]]:
        """The expected gain and, once there are verdicts, the chance of a flaw."""
        told = {"chance of a flaw": self._flaws.chance} if self._flaws else {}
        return {self.kind: self.score, **told}

    def score(self, attempt: Attempt) -> float:
        """The expected gain, in nats."""
        if self._flaws is None:
            return step_entropy_mean(attempt)
        surprise = np.array([span.entropy for span in spans(attempt)])
        return float(self._flaws.chance(attempt) * (self._flaws.where(attempt) @ surprise))
