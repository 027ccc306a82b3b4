"""Keep: which of the paid answers are worth training on?"""

from elad.keep.all import All
from elad.keep.keeper import Keeper, Kept

__all__ = ["All", "Keeper", "Kept"]
