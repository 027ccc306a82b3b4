"""What is settled before an exam's first audit: its terms, its questions, and what the run's verdicts foretell."""

from collections.abc import Callable
from typing import NamedTuple

from elad.annotate import judged
from elad.annotate.verdicts import of_answer
from elad.budget import Caps
from elad.errors import InputError
from elad.folder import Trained
from elad.ledger import Ledger
from elad.loop import Run, explain
from elad.records import Attempt
from elad.select import Judged
from elad.select.flaws import Flaws
from elad.sufficiency.exam import WHATS, Exam, Targets, Terms, What

CONFIDENCE, SIZE = 0.95, 2000
"""What holds where nobody says otherwise."""


class Wanted(NamedTuple):
    """What somebody asks of an exam: the shares to certify, and its terms; None where they are not named.

    `pool`: at most so many questions. `budget`: what the exam may spend; None: what the run has left.
    """

    targets: Targets
    confidence: float | None = None
    pool: int | None = None
    budget: Caps | None = None


def settled(ledger: Ledger, number: int, wanted: Wanted) -> Terms:
    """The terms of a new exam. Raises InputError where nothing is left to draw."""
    trained = ledger.traced(number - 1, "train", Trained)
    assert trained, "a run stops after a round, and every round trains"
    pooled = ledger.counts().get("pooled", 0)
    if not pooled:
        raise InputError(
            f"{ledger.folder}: the run has asked about all of its pool, so that no question is left for an exam."
        )
    confidence, size = wanted.confidence or CONFIDENCE, wanted.pool or SIZE
    return Terms(student=trained.weights, confidence=confidence, size=size, pooled=pooled)


def hold_to(terms: Terms, wanted: Wanted) -> None:
    """Check that an exam goes on by the terms that it was begun by. Raises InputError where others are named."""
    for name, asked, before in (
        ("--confidence", wanted.confidence, terms.confidence),
        ("--pool", wanted.pool, terms.size),
    ):
        if asked is not None and asked != before:
            raise InputError(
                f"{name} {asked}: this exam was begun with {before}, which is settled before its first question. Leave "
                "the option out to go on; the shares to certify may be others."
            )


def foretell(run: Run, number: int, terms: Terms, targets: Targets) -> Exam:
    """Draw the questions, let the student explain them, and say how likely each is to hold.

    The chances are those of the run's own verdicts, where there are some; else the share to be certified, for all.
    What the student can't explain, as it is too long, has none.
    """
    ledger, attempts = run.ledger, run.ledger.attempts(number)
    explain(run, attempts, terms.size, f"{run.recipe.seed}/exam")
    expected = max(targets.values())
    chance: dict[What, Callable[[Attempt], float]] = {
        "agreement": _chance(list(judged(ledger, number)), targets.get("agreement", expected)),
        "answers": _chance(list(judged(ledger, number, of_answer)), targets.get("answers", expected)),
    }
    questions = attempts.questions
    chances = {what: dict.fromkeys(questions, 0.0) for what in WHATS}
    for attempt in attempts:
        for what in WHATS:
            chances[what][attempt.question.id] = chance[what](attempt)
    return Exam(questions=tuple(questions), chances={what: tuple(said.values()) for what, said in chances.items()})


def _chance(seen: list[Judged], expected: float) -> Callable[[Attempt], float]:
    if not seen:
        return lambda _: expected
    flaws = Flaws(seen)
    return lambda attempt: 1 - flaws.chance(attempt)
