"""Annotate: what does the student learn from, and at what price."""

from elad.annotate.annotator import Annotator, Bought
from elad.annotate.contrast import ByContrast
from elad.annotate.dialogue import Dialogue
from elad.annotate.rationale import Rationale
from elad.annotate.revise import Revise
from elad.annotate.talker import Talker
from elad.annotate.verdicts import judged

__all__ = ["Annotator", "Bought", "ByContrast", "Dialogue", "Rationale", "Revise", "Talker", "judged"]
