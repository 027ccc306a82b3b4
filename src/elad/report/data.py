"""What happened in a run, read from its ledger alone, as plain data."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from elad.annotate import Bought, judged
from elad.errors import RunFolderError
from elad.evaluate import Revisited, Score, Scores, Tally, aurocs
from elad.fit import Interval
from elad.folder import Trained, last_student, stopped
from elad.keep import Kept
from elad.ledger import Ledger, Outcome
from elad.prices import in_force, tariffs
from elad.recipe import Recipe
from elad.records import Annotation
from elad.report.certificate import certificate, spent_on_it
from elad.report.forecast import forecast
from elad.report.people import people
from elad.report.shares import told_exactly, told_share
from elad.report.spending import told_spending
from elad.sufficiency import audited

Told = dict[tuple[int, int, str], dict[str, Any]]
"""Rounds that were told before, by their number, how often the run was amended, and the price."""


def summary(ledger: Ledger, before: Told | None = None) -> dict[str, Any]:
    """The run so far as plain data, ready for JSON. Rounds that were told `before` are not told anew."""
    before = {} if before is None else before
    recipe = stored_recipe(ledger)
    numbers = range(ledger.last_round("evaluate") + 1) if ledger.traced(0, "evaluate", Scores) else ()
    rounds = [_once(ledger, recipe, number, before) for number in numbers]
    return {
        "name": recipe.name,
        "student": recipe.student.model,
        "teacher": recipe.teacher.name or recipe.teacher.kind,
        "select": recipe.select.kind,
        "annotate": recipe.annotate.kind,
        "mentor": recipe.annotate.mentor and recipe.annotate.mentor.model,
        "stopped": stopped(ledger),
        "spent": told_spending(ledger.calls.spent(), in_force(ledger)),
        "of_this": _of_this(ledger),
        "prices": [tariff.model_dump(mode="json", exclude_none=True) for tariff in tariffs(ledger)],
        "budget": recipe.budget.model_dump(mode="json", exclude_none=True),
        "questions": ledger.counts(),
        "set_aside": [{"row": id, "reason": reason} for id, reason in ledger.unusable()],
        "rounds": rounds,
        "forecast": forecast(recipe, rounds),
        "certificate": certificate(ledger),
        "people": people(ledger),
        "result": str(last_student(ledger) or recipe.student.model),
    }


def stored_recipe(ledger: Ledger) -> Recipe:
    """The resolved recipe that the run was started with. Raises RunFolderError where none was."""
    recipe = ledger.fact("recipe")
    if recipe is None:
        raise RunFolderError(f"{ledger.folder} holds no run yet: its recipe was never written.")
    try:
        return Recipe.model_validate_json(recipe)
    except ValidationError as error:
        raise RunFolderError(
            f"{ledger.folder}: its recipe can't be read here ({error.errors()[0]['msg']}). Parts of another package "
            "must be importable; else use the version of elad that made the run."
        ) from error


def annotations(ledger: Ledger) -> list[Annotation]:
    """Every annotation that was bought, round by round."""
    return [a for number in range(1, ledger.last_round("annotate") + 1) for a in _bought(ledger, number).annotations]


def left_out(ledger: Ledger) -> dict[str, str]:
    """Why annotations were bought and are not trained on, by the ids of their questions."""
    whys: dict[str, str] = {}
    for number in range(1, ledger.last_round("keep") + 1):
        kept = ledger.traced(number, "keep", Kept) or Kept(ids=())
        ids = {a.question.id for a in _bought(ledger, number).annotations}.difference(kept.ids)
        whys |= {id: kept.left_out.get(id, "") for id in ids}
    return whys


def _once(ledger: Ledger, recipe: Recipe, number: int, before: Told) -> dict[str, Any]:
    price = in_force(ledger)
    key = (number, ledger.amendments, price.model_dump_json() if price else "")
    if key not in before:
        before[key] = _round(ledger, recipe, number)
    return before[key]


def _round(ledger: Ledger, recipe: Recipe, number: int) -> dict[str, Any]:
    scores = ledger.traced(number, "evaluate", Scores)
    before = ledger.traced(number - 1, "evaluate", Scores)
    assert scores is not None, "a round is told once it has been evaluated"
    bought = _bought(ledger, number)
    attempts = ledger.attempts(number)
    trained = ledger.traced(number, "train", Trained)
    revisited = ledger.traced(number, "revisit", Revisited)
    marks = [annotation.verdict.first_flaw is None for annotation in bought.annotations]
    accepted = Score(right=sum(marks), total=len(marks))
    gain = scores.answers.overall.gain_over(before.answers.overall) if before else None
    return {
        "round": number,
        "asked": len(bought.annotations) + len(bought.unusable),
        "accepted": _wilson(accepted),
        "judged": "answers" if any(a.verdict.of == "answer" for a in bought.annotations) else "explanations",
        "unusable": len(bought.unusable),
        **_kept(bought, ledger.traced(number, "keep", Kept)),
        "domains": dict(Counter(a.question.domain or "" for a in bought.annotations)),
        "mentored": bought.mentored and bought.mentored.model_dump(exclude={"fitted"}),
        "spent": told_spending(ledger.calls.spent(up_to=number), in_force(ledger)),
        "accuracy": _tallied(scores.answers),
        "same_steps": _tallied(scores.steps),
        "agreement": told_exactly(audited([bought])),
        "remembered": _wilson(revisited.answers if revisited else Score(right=0, total=0)),
        "gain": gain and {"points": gain[0], "interval": gain[1:]},
        **({"mixture": list(map(_mixed, trained.fitted.mixture))} if trained and trained.fitted.mixture else {}),
        "aurocs": aurocs(attempts, bought.annotations, recipe.select.informed(judged(ledger, number))),
    }


def _mixed(interval: Interval) -> dict[str, Any]:
    """In what shares was drawn from a step on, and what was found there, by domain."""
    found = {"student": interval.found.student, "model": interval.found.model}
    by_domain = {"shares": interval.shares, **found}
    return {"step": interval.step, **{name: _rounded(values) for name, values in by_domain.items()}}


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


def _bought(ledger: Ledger, number: int) -> Bought:
    return ledger.traced(number, "annotate", Bought) or Bought(annotations=(), unusable={}, unasked=())


def _kept(bought: Bought, kept: Kept | None) -> dict[str, Any]:
    """How many annotations are trained on, of how many, by domain; nothing where all are."""
    taken = frozenset(kept.ids if kept else ())
    of = Counter(a.question.domain or "" for a in bought.annotations)
    trained = Counter(a.question.domain or "" for a in bought.annotations if a.question.id in taken)
    return {"kept": {name: (trained[name], of[name]) for name in sorted(of)}} if kept and trained != of else {}


def _tallied(tally: Tally) -> dict[str, Any]:
    return {
        "overall": _wilson(tally.overall),
        "domains": {name: _wilson(score) for name, score in tally.domains.items()},
    }


def _wilson(score: Score) -> dict[str, Any]:
    return told_share(score, score.interval())


def _of_this(ledger: Ledger) -> dict[str, Any]:
    """Of what was spent, what was not paid in this run, what of which nobody knows that, and what the exam cost."""
    parts: dict[str, tuple[Outcome, ...]] = {"reused": ("reused",), "uncertain": ("lost",)}
    usages = {name: ledger.calls.spent(outcomes=outcomes) for name, outcomes in parts.items()}
    usages["exam"] = spent_on_it(ledger)
    return {name: told_spending(usage, in_force(ledger)) for name, usage in usages.items() if usage.calls}
