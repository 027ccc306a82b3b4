"""Several runs on one page: a table, and their curves over one another; those that differ in their seeds as one."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from elad.ledger import Ledger
from elad.recipe import Recipe
from elad.report import now, said, shares, stands, stored_recipe, summary
from elad.report.arms import overlaid
from elad.report.html import environment
from elad.view.looking import Page, Sections
from elad.view.runs import WatchedRun

_HEADER = ["run", "student", "teacher", "select", "annotate", "seed", "accuracy [95%]", "spent", "where it stands"]


class _Told(NamedTuple):
    """A run as it is told here."""

    folder: Path
    recipe: Recipe
    summary: dict[str, Any]
    stands: str


class Overlay:
    """The page of several runs."""

    def __init__(self, runs: Sequence[WatchedRun]) -> None:
        self._runs = runs
        self.page = Page(lambda: [run.stamp() for run in runs], self._sections)

    def told(self) -> dict[str, Any]:
        """What its template shows."""
        runs = [_read(run) for run in self._runs]
        arms = defaultdict[str, list[_Told]](list)
        for run in runs:
            if run.summary["rounds"]:
                arms[_arm(run.recipe)].append(run)
        curves = {_label(arm): [run.summary["rounds"] for run in arm] for arm in arms.values()}
        return {
            "rows": [_cells(run) for run in runs],
            "links": [f"runs/{number}/" for number in range(len(runs))],
            "header": _HEADER,
            "curve": overlaid(curves) if curves else None,
        }

    def _sections(self) -> Sections:
        return {"overlay": environment().get_template("overlay.html").render(**self.told())}


def _read(run: WatchedRun) -> _Told:
    with Ledger(run.folder, read_only=True) as ledger:
        told = summary(ledger, run.told_before)
        return _Told(run.folder, stored_recipe(ledger), told, stands(told, now(ledger)).value)


def _cells(run: _Told) -> list[str]:
    told = run.summary
    return [
        str(run.folder),
        *(told[name] for name in ("student", "teacher", "select", "annotate")),
        str(run.recipe.seed),
        shares(told["rounds"][-1]["accuracy"]["overall"]) if told["rounds"] else "",
        said(told["spent"]),
        run.stands,
    ]


def _arm(recipe: Recipe) -> str:
    """What runs have in common that differ in their seeds alone."""
    return json.dumps({**recipe.resolved(), "seed": None}, sort_keys=True)


def _label(arm: Sequence[_Told]) -> str:
    """A curve's name: the folder of its run; of several, the recipe's name, how many they are, and their folders."""
    folders = ", ".join(str(run.folder) for run in arm)
    return folders if len(arm) == 1 else f"{arm[0].recipe.name}, {len(arm)} seeds ({folders})"
