"""What people have said of a run, as plain data: how far they agree, with one another and with the teacher."""

from typing import Any

from elad.ledger import Ledger
from elad.people import FILE, People
from elad.report.shares import exactly
from elad.review import GROUP, Concord, among_people, figures


def people(ledger: Ledger) -> dict[str, Any] | None:
    """None where nobody was asked anything. `review` is None before one was begun."""
    if not (ledger.folder / FILE).exists():
        return None
    with People(ledger.folder, read_only=True) as asked:
        if not asked.begun:
            return None
        groups = asked.groups()
        taught = [claim for claim in asked.answered() if claim.task.group != GROUP]
        return {
            "groups": {name: counts.model_dump() for name, counts in groups.items()},
            "among_people": _concord(among_people(taught)),
            "review": _review(ledger, asked) if GROUP in groups else None,
        }


def _review(ledger: Ledger, asked: People) -> dict[str, Any]:
    found = figures(ledger, asked)
    sound = found.sound
    return {
        "drawn": found.drawn,
        "judged": found.judged,
        "among_people": _concord(found.among_people),
        "with_teacher": _concord(found.with_teacher),
        "by_people": exactly(found.by_people),
        "sound": {"share": sound.estimate, "interval": [sound.low, sound.high]},
    }


def _concord(concord: Concord) -> dict[str, Any]:
    return {
        "same_flaw": exactly(concord.same_flaw),
        "same_soundness": exactly(concord.same_soundness),
        "kappa": concord.kappa,
    }
