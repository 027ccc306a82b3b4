"""Reading a run's replies once more, by the parsers of today and without a call.

A question that was set aside because its reply could not be read, and can be now, becomes an annotation of its round:
the rounds to come train on it as on all earlier ones, and exports have it. Students that were trained are as they were,
and no keeper is asked about it, which may have judged the others by the student of that round.
"""

from pathlib import Path
from typing import Any

from elad.annotate import Bought
from elad.keep import Kept
from elad.ledger import Ledger
from elad.recipe import Recipe
from elad.records import Record
from elad.report import stored_recipe
from elad.select import Choice
from elad.teacher import FromLedger


def reparse(folder: Path) -> dict[str, Any]:
    """Which questions were found, as plain data. Raises RunFolderError where there is no run, or it is in use."""
    Ledger(folder, read_only=True).close()  # so that no folder becomes a run's by being looked at
    with Ledger(folder) as ledger:
        recipe = stored_recipe(ledger)
        if not recipe.annotate.asks:
            return {"found": []}
        found = [id for number in range(1, ledger.last_round("annotate") + 1) for id in _round(ledger, recipe, number)]
    return {"found": found}


def _round(ledger: Ledger, recipe: Recipe, number: int) -> list[str]:
    bought, choice = ledger.traced(number, "annotate", Bought), ledger.traced(number, "select", Choice)
    assert bought
    assert choice, "a round that was annotated was chosen before"
    if not bought.unusable:
        return []
    asked = [attempt for attempt in ledger.attempts(number) if attempt.question.id in bought.unusable]
    again = recipe.annotate.annotate(FromLedger(recipe.teacher, ledger), number, asked, frozenset(choice.audited))
    found = {annotation.question.id for annotation in again.annotations}
    if not found:
        return []
    left = {id: why for id, why in bought.unusable.items() if id not in found}
    whole = bought.model_copy(update={"annotations": bought.annotations + again.annotations, "unusable": left})
    outcomes: dict[str, Record] = {"annotate": whole}
    if kept := ledger.traced(number, "keep", Kept):
        outcomes["keep"] = kept.model_copy(update={"ids": (*kept.ids, *sorted(found))})
    ledger.amend(number, outcomes, [(id, "annotated", None) for id in found])
    return sorted(found)
