"""Select: which questions are worth paying for?"""

from elad.select.badge import Badge
from elad.select.choice import Choice
from elad.select.diverse import Diverse, Scorer
from elad.select.egss import Egss
from elad.select.entropy import Entropy
from elad.select.k_centre import KCentre
from elad.select.learned import Learned
from elad.select.least_confidence import LeastConfidence
from elad.select.longest import Longest
from elad.select.margin import Margin
from elad.select.oracle import Oracle
from elad.select.random import Random
from elad.select.scores import SCORES
from elad.select.selector import Judged, Selector
from elad.select.self_consistency import SelfConsistency
from elad.select.step_entropy import StepEntropy

__all__ = [
    "SCORES",
    "Badge",
    "Choice",
    "Diverse",
    "Egss",
    "Entropy",
    "Judged",
    "KCentre",
    "Learned",
    "LeastConfidence",
    "Longest",
    "Margin",
    "Oracle",
    "Random",
    "Scorer",
    "Selector",
    "SelfConsistency",
    "StepEntropy",
]
