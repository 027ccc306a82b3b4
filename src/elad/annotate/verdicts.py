"""The teacher's verdicts of a run so far, each with the attempt that it is of."""

from collections.abc import Callable, Iterator
from operator import attrgetter

from elad.annotate.annotator import Bought
from elad.answers import same_answer
from elad.ledger import Ledger
from elad.records import Annotation, Verdict
from elad.select import Judged


def judged(
    ledger: Ledger, before: int, verdict: Callable[[Annotation], Verdict] = attrgetter("verdict")
) -> Iterator[Judged]:
    """All verdicts of the rounds before one, in their order; what is not asked for is not read."""
    for number in range(1, before):
        bought = ledger.traced(number, "annotate", Bought)
        if bought is None:
            return
        attempts = ledger.attempts(number).of([annotation.question.id for annotation in bought.annotations])
        for annotation in bought.annotations:
            yield Judged(attempts[annotation.question.id], verdict(annotation), annotation.audit)


def of_answer(annotation: Annotation) -> Verdict:
    """What the teacher's word says of the answer alone: right where it accepts the whole, or comes to the same one."""
    said, flaw = annotation.attempt, annotation.verdict.first_flaw
    right = flaw is None or same_answer(said.answer, annotation.target.answer, annotation.question)
    return Verdict.by_answer(said, right)
