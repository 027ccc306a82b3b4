"""ELAD: distil a large model's reasoning into a small one for the least money.

    from pathlib import Path
    from elad import distil, load_recipe

    recipe = load_recipe(Path("recipes/elad.yaml"), ["budget.tokens=20000"])
    print(distil(recipe, Path("runs/mine")))

The names below are the public surface; they are imported when they are first used, so that `import elad` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elad.errors import EladError
    from elad.ledger import Ledger
    from elad.loop import distil
    from elad.recipe import Recipe, load_recipe
    from elad.records import Annotation, Attempt, Evidence, Explanation, Needs, Part, Question, Verdict
    from elad.report import summary
    from elad.student import Student

_HOME = {
    "Annotation": "records",
    "Attempt": "records",
    "EladError": "errors",
    "Evidence": "records",
    "Explanation": "records",
    "Ledger": "ledger",
    "Needs": "records",
    "Part": "records",
    "Question": "records",
    "Recipe": "recipe",
    "Student": "student",
    "Verdict": "records",
    "distil": "loop",
    "load_recipe": "recipe",
    "summary": "report",
}

__all__ = [
    "Annotation",
    "Attempt",
    "EladError",
    "Evidence",
    "Explanation",
    "Ledger",
    "Needs",
    "Part",
    "Question",
    "Recipe",
    "Student",
    "Verdict",
    "distil",
    "load_recipe",
    "summary",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'elad' has no attribute {name!r}")
    return getattr(importlib.import_module(f"elad.{_HOME[name]}"), name)
