"""DDK: more of the domains in which the student is furthest behind a white-box teacher (arXiv 2407.16154).

With the gap g[i] = ppl_student[i] / ppl_teacher[i] in domain i of N, on texts that are never learnt,

    r_0[i]     = exp(g[i]) / sum_j exp(g[j])
    psi[i]     = r_t[i] exp(g[i])
    r_{t+1}[i] = alpha psi[i] / sum_j psi[j] + (1 - alpha) / N

The equations, alpha and that the first interval is a random sample are the paper's. Ours are the clip, for the ratio
of a weak student would leave nothing to the other domains; a domain without a gap has the mean of the others'.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import ClassVar, Literal

from pydantic import Field

from elad.fit.mixture import Mixture, Perplexities, Shares, normalised


class Ddk(Mixture):
    """Shares by the domain discrepancy factors r, brought up to date before every interval but the first.

    `alpha`: how far they follow the gaps; the rest is dealt out evenly, so that no domain falls below (1 - alpha) / N,
    and with 1 nothing is smoothed. `gap`: the paper's ratio of perplexities, or the difference of losses (its
    logarithm), for comparison. `clip`: the largest gap that counts. The paper has intervals of 1000 steps.
    """

    kind: Literal["ddk"] = "ddk"
    alpha: float = Field(0.5, ge=0, le=1)
    gap: Literal["perplexity_ratio", "loss_difference"] = "perplexity_ratio"
    clip: float = Field(5.0, gt=0, le=100)

    compares: ClassVar[bool] = True

    def shares(self, natural: Shares, found: Sequence[Perplexities]) -> Shares:
        """The natural ones at first; then the factors."""
        first, *later = (self.gaps(natural, each) for each in found)
        if not later:
            return natural
        factors = initial(first)
        for gaps in later:
            factors = updated(factors, gaps, self.alpha)
        return factors

    def gaps(self, domains: Shares, found: Perplexities) -> dict[str, float]:
        """How far the student is behind, by domain, clipped."""
        ratios = {name: own / found.model[name] for name, own in found.student.items()}
        gaps = ratios if self.gap == "perplexity_ratio" else {name: math.log(r) for name, r in ratios.items()}
        known = {name: min(self.clip, gap) for name, gap in gaps.items()}
        mean = fmean(known.values()) if known else 0.0
        return {name: known.get(name, mean) for name in domains}


def initial(gaps: Mapping[str, float]) -> Shares:
    """r_0 of the gaps g."""
    return normalised({name: math.exp(gap) for name, gap in gaps.items()})


def updated(factors: Shares, gaps: Mapping[str, float], alpha: float) -> Shares:
    """r_{t+1} of r_t and the gaps g."""
    psi = normalised({name: factor * math.exp(gaps[name]) for name, factor in factors.items()})
    return {name: alpha * share + (1 - alpha) / len(psi) for name, share in psi.items()}
