"""Keep: which of the paid answers are worth training on?"""

from elad.keep.all import All
from elad.keep.clusters import Clusters
from elad.keep.ifd import Ifd
from elad.keep.keeper import Keeper, Kept
from elad.keep.knowledge import Knowledge
from elad.keep.loss import Loss
from elad.keep.random import Random

__all__ = ["All", "Clusters", "Ifd", "Keeper", "Kept", "Knowledge", "Loss", "Random"]
