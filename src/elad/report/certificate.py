"""What a run's student is certified to be, as plain data."""

from typing import Any

from elad.budget import Usage
from elad.folder import student_folder
from elad.ledger import Ledger
from elad.prices import in_force
from elad.report.spending import told_spending
from elad.sufficiency.exam import Exam, Terms, looks
from elad.text import at_least


def certificate(ledger: Ledger) -> dict[str, Any] | None:
    """The exam of the last student, as far as it has come; None before its first look.

    `pool`: the exam's questions, drawn uniformly from the `pooled` that the run had never asked. `agreement` and
    `answers`: of how many audits how many held, and the bounds that this certifies, each end with an error of 1 less
    the `confidence`.
    """
    number = ledger.last_round("terms")
    terms, exam = ledger.traced(number, "terms", Terms), ledger.traced(number, "exam", Exam)
    seen = list(looks(ledger, number))
    if not (terms and exam and seen):
        return None
    audits = [audit for look in seen for audit in look.audits]
    return {
        "round": number - 1,
        "student": str(student_folder(ledger, number - 1)),
        "confidence": terms.confidence,
        "pool": len(exam.questions),
        "pooled": terms.pooled,
        "audits": len(audits),
        "unusable": sum(audit.why is not None for audit in audits),
        **{what: bounds.model_dump() for what, bounds in seen[-1].shares.items()},
        "spent": told_spending(spent_on_it(ledger), in_force(ledger)),
    }


def spent_on_it(ledger: Ledger) -> Usage:
    """What the exam has cost so far, beside what the run's rounds had."""
    number = ledger.last_round("terms")
    return ledger.calls.spent() - ledger.calls.spent(up_to=number - 1) if number else Usage()


def certified(told: dict[str, Any], what: str = "agreement") -> str:
    """`at least 90.3% of explanations`: what an exam has shown."""
    of = {"agreement": "explanations are accepted whole", "answers": "answers are right"}[what]
    return f"at least {at_least(told[what]['at_least'])} of {of}"


def whose(told: dict[str, Any]) -> str:
    """Whose exam it is, and of what pool."""
    drawn = "all" if told["pool"] == told["pooled"] else f"{told['pool']:,}, drawn uniformly,"
    return (
        f"the student after round {told['round']}, on {drawn} of the {told['pooled']:,} questions that the run had not "
        "asked"
    )
