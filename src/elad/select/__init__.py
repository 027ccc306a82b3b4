"""Select: which questions are worth paying for?"""

from elad.select.choice import Choice
from elad.select.egss import Egss
from elad.select.entropy import Entropy
from elad.select.random import Random
from elad.select.scores import SCORES
from elad.select.selector import Selector
from elad.select.self_consistency import SelfConsistency
from elad.select.step_entropy import StepEntropy

__all__ = ["SCORES", "Choice", "Egss", "Entropy", "Random", "Selector", "SelfConsistency", "StepEntropy"]
