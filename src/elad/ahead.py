"""Asking ahead: while the student trains, the teacher answers what the next round is sure to ask.

Only where that changes no result and buys nothing in vain: requests must not depend on what the student will write
(`annotate: rationale`), and no rule may stop the run for what the training comes to. Then the next round's audit is
known, and with a selector that reads no evidence (`select: random`) all of its questions are. They are asked in the
order in which the round itself will, and it finds their answers in the ledger.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from elad.annotate import Talker
from elad.ledger import Ledger
from elad.progress import halt
from elad.recipe import Recipe
from elad.records import Attempt, Evidence, Explanation
from elad.select import Choice
from elad.student import Student
from elad.teacher import Ask, Desk


@contextmanager
def asking(desk: Desk, number: int, asks: Sequence[Ask]) -> Iterator[None]:
    """Ask what a round will, beside what is done inside. Raises what asking raises, once that is done."""
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            desk.ask(number, asks)
        except BaseException as error:
            failures.append(error)

    beside = threading.Thread(target=ask, name="asks ahead", daemon=True)
    beside.start()
    try:
        yield
    except BaseException:
        halt(beside)  # nothing more is bought for a round that may not come
        raise
    beside.join()
    if failures:
        raise failures[0]


def sure_to_be_asked(recipe: Recipe, ledger: Ledger, student: Student, number: int, seed: str) -> list[Ask]:
    """The first requests of a round that is sure to come, as far as they are known before its student is trained."""
    annotator, most = recipe.annotate, recipe.teacher.max_output_tokens
    if annotator.reads_attempts or not isinstance(annotator, Talker):
        return []
    drawn, size = ledger.attempts(number), recipe.rounds
    drawn.draw(seed, size.candidates)
    nothing = {"explanation": Explanation(steps=(), answer=None), "evidence": Evidence(steps=())}
    fitting = [question for question in drawn.pending(size.candidates) if not student.too_long(question)]
    unwritten = [Attempt(question=question, **nothing) for question in fitting]
    batch = size.audited if recipe.select.reads_evidence else size.batch
    choice = Choice.of(recipe.select, unwritten, size.audited, batch, seed)
    known = {*choice.audited, *choice.selected}
    return [
        Ask(attempt.question.id, request, partial(annotator.read, attempt, request))
        for attempt in unwritten
        if attempt.question.id in known
        for request in annotator.first_requests(attempt, most)
    ]
