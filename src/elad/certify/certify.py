"""The final exam of a finished run's student: audits, until the shares that are asked for are certified.

Everything that it rests on is in the ledger before the first question is put: the terms, the questions in the order in
which they are audited, the student's explanations, and how likely the teacher is to accept each. So it goes on after
any interruption, and after it was over, with other targets or a larger budget, as the same exam.
"""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from elad.budget import Caps
from elad.certify.auditing import audit, examiner, moves
from elad.certify.settling import Wanted, foretell, hold_to, settled
from elad.errors import InputError
from elad.folder import stopped
from elad.ledger import Ledger
from elad.loop import Run, begin
from elad.prices import in_force
from elad.progress import heard_by, say
from elad.recipe import Recipe
from elad.report import certificate, stored_recipe
from elad.sufficiency.exam import Exam, Look, Standing, Targets, Terms, look_phase, looks
from elad.text import at_least

_AT_ONCE = 16
"""Questions that are put before the next look: more may be more than it takes."""


def certify(folder: Path, wanted: Wanted) -> dict[str, Any]:
    """Hold the exam of a finished run's last student, or go on with it; what it has come to, as plain data.

    Raises RunFolderError where there is no run, or it is in use; InputError where it has not stopped or an exam can't
    be held so; and as a run does.
    """
    Ledger(folder, read_only=True).close()  # so that no folder becomes a run's by being looked at
    with Ledger(folder) as ledger:
        recipe = stored_recipe(ledger)
        if stopped(ledger) is None:
            raise InputError(
                f"{folder} has not stopped: an exam is of a run's last student. `elad run` with its recipe goes on."
            )
        if not recipe.teacher.judges_steps:
            raise InputError(
                f"{folder}: a teacher of kind {recipe.teacher.kind!r} that compares answers can't hold an exam of "
                "explanations."
            )
        number = ledger.last_round("stop") + 1
        with heard_by(ledger.clock.heard):
            standing = _held(ledger, recipe, number, wanted)
        needed = standing.needed(wanted.targets)
        return {
            **(certificate(ledger) or {}),
            "targets": dict(wanted.targets),
            "needed": needed,
            "certified": not any(more != 0 for more in needed.values()),
        }


def _held(ledger: Ledger, recipe: Recipe, number: int, wanted: Wanted) -> Standing:
    """Audit until it is over, or the budget is; of one that is over, only how it stands."""
    terms, exam = ledger.traced(number, "terms", Terms), ledger.traced(number, "exam", Exam)
    before = list(looks(ledger, number))
    if terms:
        hold_to(terms, wanted)
    if terms and exam:
        standing = Standing(exam, terms.confidence, (audit for look in before for audit in look.audits))
        if not _next(standing, wanted.targets):
            return standing
    paying = recipe.model_copy(update={"budget": _caps(ledger, recipe, number, wanted.budget)})
    run = begin(paying, ledger)
    with closing(run.desk):
        if not run.desk.has_room(number - 1):
            raise InputError(
                f"{ledger.folder}: the run's budget has no room for an exam. Name what it may spend, such as "
                "--budget calls=200."
            )
        terms = terms or ledger.trace(number, "terms", Terms, lambda: settled(ledger, number, wanted))
        if not exam:
            exam = ledger.trace(number, "exam", Exam, lambda: foretell(run, number, terms, wanted.targets))
            standing = Standing(exam, terms.confidence)
        _audit_on(run, number, exam, standing, wanted.targets, len(before))
    return standing


def _audit_on(run: Run, number: int, exam: Exam, standing: Standing, targets: Targets, place: int) -> None:
    """Look after look, in the order of the questions."""
    asks = examiner(run.ledger, run.recipe)
    asks.ready()
    while more := _next(standing, targets):
        size = more if run.recipe.teacher.in_batches else min(more, _AT_ONCE)
        audits = audit(run, asks, number, exam.questions[standing.audits :][:size])
        if not audits:
            return
        standing.add(audits)
        place += 1
        found = partial(Look, audits=tuple(audits), shares=standing.shares)
        look = run.ledger.trace(number, look_phase(place), Look, found, lambda look: moves(look.audits))
        shares = ", ".join(f"{what} at least {at_least(share.at_least)}" for what, share in look.shares.items())
        say(f"{standing.audits} audits: {shares}")


def _next(standing: Standing, targets: Targets) -> int:
    """How many more audits there must be; 0 once all targets are certified, or one can't be."""
    needed = standing.needed(targets).values()
    return 0 if None in needed else max(more or 0 for more in needed)


def _caps(ledger: Ledger, recipe: Recipe, number: int, budget: Caps | None) -> Caps:
    """The most that run and exam may have spent together: the run's caps, or what it has spent and the exam's own."""
    if budget is None:
        return recipe.budget
    spent, price = ledger.calls.spent(up_to=number - 1), in_force(ledger)
    if budget.money is not None and price is None:
        raise InputError("--budget caps money, but no price is known of this run's teacher: `elad reprice` tells one.")
    so_far = {"money": price.of(spent)} if price else {}
    so_far |= {name: getattr(spent, name) for name in ("tokens", "output_tokens", "calls")}
    own = budget.model_dump(exclude_none=True)
    return Caps.model_validate({name: so_far[name] + cap for name, cap in own.items()})
