"""Keep what follows from its question with difficulty (IFD; Li et al. 2024, arXiv 2308.12032).

    keep: {kind: ifd, share: 0.1, most: 1.0, experience: {clusters: 100, per_cluster: 10}}

Instruction-following difficulty is the mean loss of a target's tokens behind their question over that without it: near
0 the question says it all, near 1 it says nothing, and above 1 it misleads, so that target and question hardly belong
together. The ratio is of losses, as in the authors' code, not of perplexities.
"""

from typing import Literal

from pydantic import Field

from elad.keep.likelihood import ByLikelihood
from elad.keep.share import Opinion
from elad.records import Likelihood


class Ifd(ByLikelihood):
    """The share of highest IFD among those in which it is no higher than `most`.

    `most`: 1 in the paper; None leaves nothing out for being high. `take`: the paper's `highest`, or for studies the
    `lowest`.
    """

    kind: Literal["ifd"] = "ifd"
    most: float | None = Field(1.0, gt=0, allow_inf_nan=False)
    take: Literal["highest", "lowest"] = "highest"

    def of(self, likelihood: Likelihood) -> Opinion:
        """Its IFD, by which it ranks unless that is too high."""
        if not likelihood.alone:
            return Opinion(None, "it is certain without its question, so no question can help with it")
        ifd = likelihood.asked / likelihood.alone
        if self.most is not None and ifd > self.most:
            return Opinion(None, f"IFD {ifd:.6g} is above {self.most:g}", ifd)
        rank = ifd if self.take == "highest" else -ifd
        return Opinion(rank, f"IFD {ifd:.6g} is not among the {self.take} {self.percent}", ifd)
