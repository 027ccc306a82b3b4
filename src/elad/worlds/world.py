"""What every world can do: make questions, solve them step by step, and judge any explanation of them."""

import random
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence

from pydantic import Field

from elad.errors import InputError
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

    def unique(self, draw: Callable[[random.Random, int], Question]) -> Iterator[Question]:
        """`count` questions, drawn again where a text stands in the world already."""
        seen: set[str] = set()
        for index in range(self.count):
            tries = (draw(random.Random(f"{self.seed}/{index}/{n}"), index) for n in range(1000))
            question = next((question for question in tries if question.text not in seen), None)
            if question is None:
                raise InputError(f"this {self.kind} world has fewer than {self.count} questions: lower its count")
            seen.add(question.text)
            yield question

    def rows(self) -> Iterator[tuple[str, Question]]:
        """The questions as a source of a pool gives them: where each stands, and the question."""
        return ((question.id, question) for question in self.questions())

    @abstractmethod
    def solve(self, question: str, prefix: Sequence[str] = (), lot: random.Random | None = None) -> Explanation:
        """The steps that follow a sound prefix (none: the whole solution), and the answer.

        `lot`: draws one of the right ways, in a world that knows several; without it, it is the solver's own.

        Raises UnreadableQuestion when the question is not in this world's English or has no single answer, and
        ValueError when the prefix itself has a flaw.
        """

    @abstractmethod
    def check(self, question: str, explanation: Explanation) -> Verdict:
        """The first flaw of any explanation, and why it is one. Raises UnreadableQuestion as `solve` does."""
