"""What a study came to, as plain data: the curves of every run, and what they say of the arms."""

import json
from pathlib import Path
from typing import Any

from elad.errors import InputError
from elad.ledger import Ledger
from elad.machine import versions
from elad.study.arms import Run, last_accuracy, told
from elad.study.curves import points
from elad.study.origin import origin_of
from elad.study.study import Study, is_done, runs_of


def results(study: Study, under: Path) -> dict[str, Any]:
    """The study's results file, of the runs that are finished."""
    arms = _read(study, under)
    ceiling = arms.get(study.ceiling)
    return {
        "study": study.model_dump(mode="json"),
        "versions": versions(),
        "ceiling": study.ceiling,
        "side": list(study.side.arms) if study.side else [],
        **told(arms, study.against, study.share * last_accuracy(ceiling) if ceiling else None, study.versus),
    }


def load_results(path: Path) -> dict[str, Any]:
    """A results file that was written before. Raises InputError where it is none, or of a form no longer read."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Expected a study's results in JSON.") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not (isinstance(told, dict) and {"arms", "against", "target", "ceiling", "side", "versus"} <= told.keys()):
        raise InputError(f"{path} holds no results that can be told: the study's own command makes them again.")
    return told


def _read(study: Study, under: Path) -> dict[str, dict[int, Run]]:
    arms: dict[str, dict[int, Run]] = {}
    for arm in runs_of(study, under):
        if is_done(study.recipe, arm):
            with Ledger(arm.folder, read_only=True) as ledger:
                arms.setdefault(arm.name, {})[arm.seed] = Run(points(ledger, study.measure), origin_of(ledger))
    return arms
