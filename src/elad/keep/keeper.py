"""What every keeper does: say which annotations are worth training on."""

from abc import abstractmethod
from collections.abc import Sequence

from elad.records import Annotation, Part, Record


class Kept(Record):
    """The ids of the questions whose annotations are trained on."""

    ids: tuple[str, ...]


class Keeper(Part):
    """Which of the paid answers are worth training on. What is left out stays in the ledger."""

    @abstractmethod
    def keep(self, annotations: Sequence[Annotation]) -> Kept:
        """The annotations to train on, in their order."""
