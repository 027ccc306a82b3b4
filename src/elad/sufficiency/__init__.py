"""Sufficiency: has the student had enough?"""

from elad.sufficiency.agreement import Agreement, audited, exact_interval
from elad.sufficiency.budget import BudgetSpent
from elad.sufficiency.plateau import Plateau
from elad.sufficiency.rule import Round, Rule, Sufficiency

__all__ = [
    "Agreement",
    "BudgetSpent",
    "Plateau",
    "Round",
    "Rule",
    "Sufficiency",
    "audited",
    "exact_interval",
]
