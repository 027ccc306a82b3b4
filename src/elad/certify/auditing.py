"""An exam's audits: the teacher reads whole explanations, and what it can't judge counts against the student."""

from collections.abc import Sequence
from itertools import takewhile

from elad.annotate import Annotator, Revise, Talker
from elad.annotate.verdicts import of_answer
from elad.errors import InputError
from elad.ledger import Ledger, Move
from elad.loop import Run
from elad.recipe import Recipe
from elad.records import Annotation
from elad.report import annotations
from elad.sufficiency.exam import WHATS, Audit

UNEXPLAINED = "the student can't explain it"


def examiner(ledger: Ledger, recipe: Recipe) -> Annotator:
    """How the teacher is asked: as in the run, unless it judged no steps there; then by revisions."""
    own = recipe.annotate
    by_steps = own.reads_attempts and all(a.verdict.of == "steps" for a in annotations(ledger))
    if by_steps:
        return own
    return Revise(votes=own.votes) if isinstance(own, Talker) else Revise()


def audit(run: Run, examiner: Annotator, number: int, questions: Sequence[str]) -> list[Audit]:
    """Ask about questions; the audits up to the first of them that the budget had no room for.

    Raises InputError where the teacher's word is not of steps, and TeacherError and StorageError as the desk does.
    """
    attempts = run.ledger.attempts(number).of(questions)
    asked = [attempts[id] for id in questions if id in attempts]
    bought = examiner.annotate(run.desk, number, asked, frozenset(questions))
    said = {annotation.question.id: annotation for annotation in bought.annotations}
    if any(annotation.verdict.of != "steps" for annotation in bought.annotations):
        raise InputError(f"annotate.kind {examiner.kind!r} judges answers alone, so that it can't hold this exam.")
    heard = takewhile(lambda id: id not in bought.unasked, questions)
    return [_audit(id, said.get(id), bought.unusable.get(id, UNEXPLAINED)) for id in heard]


def _audit(question: str, annotation: Annotation | None, why: str) -> Audit:
    if annotation is None:
        return Audit(question=question, holds=dict.fromkeys(WHATS, False), why=why)
    verdicts = {"agreement": annotation.verdict, "answers": of_answer(annotation)}
    return Audit(question=question, holds={what: verdicts[what].first_flaw is None for what in WHATS})


def moves(audits: Sequence[Audit]) -> list[Move]:
    """The states that audited questions enter; what is too long for the student has entered its own."""
    return [
        (audit.question, "unusable" if audit.why else "annotated", audit.why)
        for audit in audits
        if audit.why != UNEXPLAINED
    ]
