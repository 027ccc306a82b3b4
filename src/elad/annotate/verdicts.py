"""The teacher's verdicts of a run so far, each with the attempt that it is of."""

from collections.abc import Iterator

from elad.annotate.annotator import Bought
from elad.ledger import Ledger
from elad.select import Judged


def judged(ledger: Ledger, before: int) -> Iterator[Judged]:
    """All verdicts of the rounds before one, in their order; what is not asked for is not read."""
    for number in range(1, before):
        bought = ledger.traced(number, "annotate", Bought)
        if bought is None:
            return
        attempts = ledger.attempts(number).of([annotation.question.id for annotation in bought.annotations])
        for annotation in bought.annotations:
            yield Judged(attempts[annotation.question.id], annotation.verdict, annotation.audit)
