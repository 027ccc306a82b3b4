"""Plan: what a run would cost, before anything is spent."""

from elad.plan.plan import plan
from elad.plan.text import lines

__all__ = ["lines", "plan"]
