"""Select what the student has wrong, by the pool's own solutions: for studies, where a pool has them.

In earnest nobody has them: they are what a teacher is paid for. It shows what a perfect detector of errors would be
worth, which need not be the most: being wrong is not yet being worth learning.
"""

from typing import Literal

from elad.answers import same_answer
from elad.errors import InputError
from elad.records import Attempt
from elad.select.selector import Selector
from elad.text import same_steps


class Oracle(Selector):
    """For studies only: it reads the pool's solutions, which every other selector goes without.

    `by`: wrong is an explanation whose final answer is not the pool's, or one whose steps or answer are not. In other
    words or another order, sound steps count as wrong.
    """

    kind: Literal["oracle"] = "oracle"
    by: Literal["answer", "steps"] = "answer"

    def score(self, attempt: Attempt) -> float | None:
        """1 where the explanation is wrong, 0 where it is right; None where the pool has no solution."""
        question, said = attempt.question, attempt.explanation
        if question.answer is None or (self.by == "steps" and not question.steps):
            return None
        right = same_answer(said.answer, question.answer, question)
        return float(not (right and (self.by == "answer" or same_steps(said.steps, question.steps))))

    def rank(self, attempt: Attempt, seed: str) -> tuple[float, str, str]:
        """What is wrong before what is right, else by lot. Raises InputError where the pool has no solution."""
        if self.score(attempt) is None:
            raise InputError(
                f"select: `oracle` knows who is wrong by the pool's own {self.by}, and question "
                f"{attempt.question.id!r} has none. It is for studies, on worlds or on files with solutions."
            )
        return super().rank(attempt, seed)
