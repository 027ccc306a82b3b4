"""Keep what the student can trust and does not know (knowledge detection, arXiv 2406.11275).

    keep: {kind: knowledge, wavers: 0.5, unknown: 0.5}

Of each annotation `annotate: contrast` has found how much the student contradicts it with the document at hand (S_L)
and without (S_K). It is kept where S_L < tau_L, for then what is to be learnt is consistent, and S_K > tau_K, for then
it is news. The paper has 0.5 for both, its script 0.8 for tau_K; larger models profit of higher ones.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from elad.keep.keeper import Keeper, Kept
from elad.records import Annotation, Contrast
from elad.turn import Turn


class Knowledge(Keeper):
    """Below `wavers` (tau_L) and above `unknown` (tau_K); None: that side is not asked for."""

    kind: Literal["knowledge"] = "knowledge"
    wavers: float | None = Field(0.5, ge=0, le=1)
    unknown: float | None = Field(0.5, ge=0, le=1)

    reads_contrasts: ClassVar[bool] = True

    def keep(self, turn: Turn, annotations: Sequence[Annotation]) -> Kept:
        """Those; how little each was known is its score, or how little it can be trusted where that can't be told."""
        left_out = {each.question.id: why for each in annotations if (why := self._why_not(each.contrast))}
        ids = [annotation.question.id for annotation in annotations]
        return Kept(
            ids=tuple(id for id in ids if id not in left_out),
            left_out=left_out,
            scores={each.question.id: _score(each.contrast) for each in annotations if each.contrast},
        )

    def _why_not(self, contrast: Contrast | None) -> str | None:
        if contrast is None:
            return "what the student says against it is not known"
        if self.wavers is not None and contrast.wavers >= self.wavers:
            return f"asked again it is contradicted by {contrast.wavers:.3g}, which is not below {self.wavers:g}"
        if self.unknown is not None and contrast.unknown is not None and contrast.unknown <= self.unknown:
            return f"the student contradicts it by {contrast.unknown:.3g} alone, which is not above {self.unknown:g}"
        return None


def _score(contrast: Contrast) -> float:
    return contrast.wavers if contrast.unknown is None else contrast.unknown
