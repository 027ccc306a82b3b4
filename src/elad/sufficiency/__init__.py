"""Sufficiency: has the student had enough?"""

from elad.sufficiency.agreement import Agreement, audited, exact_interval
from elad.sufficiency.budget import BudgetSpent
from elad.sufficiency.corrected import Corrected, corrected
from elad.sufficiency.plateau import Plateau
from elad.sufficiency.rule import Round, Rule, Sufficiency

__all__ = [
    "Agreement",
    "BudgetSpent",
    "Corrected",
    "Plateau",
    "Round",
    "Rule",
    "Sufficiency",
    "audited",
    "corrected",
    "exact_interval",
]
