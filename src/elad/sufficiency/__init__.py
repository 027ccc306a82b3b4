"""Sufficiency: has the student had enough?"""

from elad.sufficiency.agreement import Agreement, audited, exact_interval
from elad.sufficiency.budget import BudgetSpent
from elad.sufficiency.certificate import LowerBound
from elad.sufficiency.forecast import Forecast, Unit, in_words
from elad.sufficiency.learning_curve import LearningCurve, Seen
from elad.sufficiency.plateau import Plateau
from elad.sufficiency.rule import Round, Rule, Sufficiency
from elad.sufficiency.single_look import planned_audits
from elad.sufficiency.value import Value

__all__ = [
    "Agreement",
    "BudgetSpent",
    "Forecast",
    "LearningCurve",
    "LowerBound",
    "Plateau",
    "Round",
    "Rule",
    "Seen",
    "Sufficiency",
    "Unit",
    "Value",
    "audited",
    "exact_interval",
    "in_words",
    "planned_audits",
]
