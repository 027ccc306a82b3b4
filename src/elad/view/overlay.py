"""Several runs on one page: a table, and their curves over one another; those that differ in their seeds as one."""

import json
from collections.abc import Sequence
from typing import Any

from elad.ledger import Ledger
from elad.recipe import Recipe
from elad.report import facts, now, stored_recipe, summary
from elad.report.figures import Rounds, accuracy
from elad.report.html import environment
from elad.report.text import said, shares
from elad.view.looking import Look, Sections
from elad.view.runs import WatchedRun


class Overlay:
    """The page of several runs."""

    def __init__(self, runs: Sequence[WatchedRun]) -> None:
        self._runs = runs

    def told(self) -> dict[str, Any]:
        """What its template shows."""
        rows, arms = [], dict[str, list[Rounds]]()
        names: dict[str, list[str]] = {}
        for number, run in enumerate(self._runs):
            with Ledger(run.folder, read_only=True) as ledger:
                recipe, told, doing = stored_recipe(ledger), summary(ledger, run.remembered), now(ledger)
            arm = _arm(recipe)
            names.setdefault(arm, []).append(run.folder.name)
            if told["rounds"]:
                arms.setdefault(arm, []).append(told["rounds"])
            rows.append({"number": number, "folder": str(run.folder), "cells": _cells(recipe, told, doing)})
        curves = {_label(arm, names): rounds for arm, rounds in arms.items()}
        return {"rows": rows, "header": _HEADER, "curve": accuracy(curves) if curves else None}

    def look(self) -> Look:
        """A new looker."""

        def sections() -> Sections:
            return {"overlay": environment().get_template("overlay.html").render(**self.told())}

        return Look(lambda: [run.stamp() for run in self._runs], sections)


_HEADER = ["student", "teacher", "select", "annotate", "seed", "accuracy [95%]", "spent", "where it stands"]


def _cells(recipe: Recipe, told: dict[str, Any], doing: dict[str, Any]) -> list[str]:
    accuracy = shares(told["rounds"][-1]["accuracy"]["overall"]) if told["rounds"] else ""
    stands = next(fact.value for fact in facts(told, doing) if fact.name in {"stands", "stopped"})
    return [
        *(told[name] for name in ("student", "teacher", "select", "annotate")),
        str(recipe.seed), accuracy, said(told["spent"]), stands,
    ]  # fmt: skip


def _arm(recipe: Recipe) -> str:
    """What runs have in common that differ in their seeds alone."""
    return json.dumps({**recipe.resolved(), "seed": None}, sort_keys=True)


def _label(arm: str, names: dict[str, list[str]]) -> str:
    """A curve's name: the folder of its run; of several runs, the recipe's name with how many they are."""
    runs = names[arm]
    return runs[0] if len(runs) == 1 else f"{json.loads(arm)['name']}, {len(runs)} seeds ({', '.join(runs)})"
