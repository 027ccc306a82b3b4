"""What people have said of a run, as plain data: how far they agree, with one another and with the teacher."""

from typing import Any

from elad.ledger import Ledger
from elad.people import FILE, People
from elad.report.shares import told_exactly
from elad.review import Concord, Review, among_people, figures


def people(ledger: Ledger) -> dict[str, Any] | None:
    """None where nobody was asked anything. `review`: of the last round of which one was begun; else None."""
    if not (ledger.folder / FILE).exists():
        return None
    with People(ledger.folder, read_only=True) as asked:
        if not asked.begun:
            return None
        taught = [claim for claim in asked.answered() if claim.task.form != "judge"]
        review = figures(ledger, asked)
        return {
            "groups": {name: counts.model_dump() for name, counts in asked.groups().items()},
            "among_people": _concord(among_people(taught)),
            "review": _review(review) if review else None,
        }


def _review(review: Review) -> dict[str, Any]:
    return {
        "round": review.round,
        "audited": review.audited,
        "drawn": review.drawn,
        "sound": told_exactly(review.sound),
        "accepted": told_exactly(review.accepted),
        "among_people": _concord(review.among_people),
        "with_teacher": _concord(review.with_teacher),
    }


def _concord(concord: Concord) -> dict[str, Any]:
    return {
        "same_flaw": told_exactly(concord.same_flaw),
        "same_soundness": told_exactly(concord.same_soundness),
        "kappa": concord.kappa,
    }
