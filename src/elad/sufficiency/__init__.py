"""Sufficiency: has the student had enough?"""

from elad.sufficiency.agreement import Agreement, audited, exact_interval
from elad.sufficiency.budget import BudgetSpent
from elad.sufficiency.certificate import LowerBound
from elad.sufficiency.plateau import Plateau
from elad.sufficiency.rule import Round, Rule, Sufficiency
from elad.sufficiency.single_look import planned_audits

__all__ = [
    "Agreement",
    "BudgetSpent",
    "LowerBound",
    "Plateau",
    "Round",
    "Rule",
    "Sufficiency",
    "audited",
    "exact_interval",
    "planned_audits",
]
