"""A run as a study reads it: round by round what it had spent, how accurate it was, and how well each score told."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from elad.annotate import judged
from elad.errors import InputError
from elad.evaluate import auroc
from elad.ledger import Ledger
from elad.records import Attempt
from elad.report import stored_recipe, summary
from elad.select import SCORES, Oracle
from elad.study.compare import Curve

UNITS = ("output_tokens", "tokens", "annotations", "money")
"""In what spend is told; money where the run has a price."""

Measure = Literal["answers", "steps"]
"""What counts as right: the answer; or every step and the answer, as the file has them."""

_TOLD: dict[Measure, str] = {"answers": "accuracy", "steps": "same_steps"}
_ORACLES: dict[Measure, Oracle] = {"answers": Oracle(), "steps": Oracle(by="steps")}


def leading_unit(arms: Mapping[str, Any]) -> str:
    """In what arms of a results file are told first: output tokens, or annotations where one of them asked nobody."""
    ends = [run[-1]["output_tokens"] for arm in arms.values() for run in arm["curves"].values()]
    return "output_tokens" if all(ends) else "annotations"


def curve_of(told: list[dict[str, Any]], unit: str) -> Curve:
    """A run's rounds, as `points` tells them, as a curve against one unit."""
    spend = tuple(float(round[unit]) for round in told)
    return Curve(spend, tuple(round["right"] / round["total"] for round in told))


def points(ledger: Ledger, measure: Measure = "answers") -> list[dict[str, Any]]:
    """The rounds of a run that were evaluated, the first of them what was there before any.

    `right` of `total`: held-out questions, by the measure; by steps, of those whose steps the file has. `domains`: the
    share that is right, by domain. `accepted`: the share of what was annotated that the teacher accepted. `mentored`:
    what the round's mentor wrote, where there was one. `kept`: by domain, how many annotations were trained on, of how
    many, where some were left out. `own_auroc`: that of the score by which the round was selected, where its selector
    has one. `mixture`: in what shares of domains its training drew its texts, and what it found, interval by interval.
    Raises InputError where nothing that is held out can be counted so.
    """
    recipe, annotations = stored_recipe(ledger), 0
    told = []
    for round in summary(ledger)["rounds"]:
        annotations += round["accepted"]["total"]
        number, spent, scores = round["round"], round["spent"], round[_TOLD[measure]]
        overall = scores["overall"]
        if not overall["total"]:
            raise InputError(
                f"{ledger.folder}: no held-out question can be counted by its {measure}: the file has none."
            )
        selector = recipe.select.informed(judged(ledger, number))
        areas = telling(ledger.attempts(number), {**SCORES, **selector.scores}, measure)
        told.append(
            {
                "round": number,
                "right": overall["right"],
                "total": overall["total"],
                "domains": {name: score["share"] for name, score in scores["domains"].items()},
                "annotations": annotations,
                **{unit: spent[unit] for unit in UNITS if unit in spent},
                "accepted": round["accepted"]["share"],
                **({"mentored": round["mentored"]} if round["mentored"] else {}),
                **({"kept": round["kept"]} if "kept" in round else {}),
                "auroc": areas,
                "own_auroc": areas.get(recipe.select.kind),
                **({"mixture": round["mixture"]} if "mixture" in round else {}),
            }
        )
    return told


def telling(attempts: Iterable[Attempt], scores: Any, measure: Measure = "answers") -> dict[str, float]:
    """For every score, the area under the ROC curve for "the student is wrong", by the measure, over all candidates.

    Of a pool whose answers are known, as a study's is; no selection narrows it, unlike what is paid for. A score
    without evidence, and a round in which all or none are wrong, has none.
    """
    marked = [(attempt, mark) for attempt in attempts if (mark := _ORACLES[measure].score(attempt)) is not None]
    areas = {}
    for name, score in scores.items():
        values = [value for attempt, _ in marked if (value := score(attempt)) is not None]
        if len(values) == len(marked) and (area := auroc(values, [bool(mark) for _, mark in marked])) is not None:
            areas[name] = round(area, 4)
    return areas
