"""What every world can do: make questions, solve them step by step, and judge any explanation of them."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from pydantic import Field

from elad.records import Explanation, Part, Question, Verdict


class World(Part):
    """A family of problems in a fixed English, with an exact solver and an exact checker.

    `count` questions are made from `seed`: the same seed gives the same questions, and a longer world begins with the
    questions of a shorter one. Solver and checker read the question's text alone, as a teacher would, so they serve any
    file that is written in the world's English.
    """

    count: int = Field(1000, gt=0)
    seed: int = 0

    @abstractmethod
    def questions(self) -> Iterator[Question]:
        """The world's questions, each with its gold answer, steps and domain."""

    def rows(self) -> Iterator[tuple[str, Question]]:
        """The questions as a source of a pool gives them: where each stands, and the question."""
        return ((question.id, question) for question in self.questions())

    @abstractmethod
    def solve(self, question: str, prefix: Sequence[str] = ()) -> Explanation:
        """The steps that follow a sound prefix (none: the whole solution), and the answer.

        Raises UnreadableQuestion when the question is not in this world's English or has no single answer, and
        ValueError when the prefix itself has a flaw.
        """

    @abstractmethod
    def check(self, question: str, explanation: Explanation) -> Verdict:
        """The first flaw of any explanation, and why it is one. Raises UnreadableQuestion as `solve` does."""
