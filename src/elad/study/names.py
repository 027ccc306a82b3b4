"""Names for arms, by what differs in their recipes: `egss, revise, rounds.batch=50`.

A part's kind stands alone; other keys are named only among arms whose part is of one kind, and only where an arm does
not do as most of these do.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_KIND = ".kind"


def names(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name for each of some resolved recipes, no two of which are the same; of one alone, its selector's kind."""
    flats = [_flat(recipe) for recipe in recipes]
    keys = list(dict.fromkeys(key for flat in flats for key in flat))
    shown = [", ".join(_words(flat, keys, flats)) for flat in flats]
    return [name or str(flat.get("select.kind", "arm")) for name, flat in zip(shown, flats, strict=True)]


def _words(flat: Mapping[str, Any], keys: Sequence[str], flats: Sequence[Mapping[str, Any]]) -> list[str]:
    kinds, others = [], []
    for key in keys:
        governing = _governing(key)
        alike = [other for other in flats if all(other.get(kind) == flat.get(kind) for kind in governing)]
        values = Counter(json.dumps(other.get(key)) for other in alike)
        here = json.dumps(flat.get(key))
        if len(values) == 1:
            continue
        if key.endswith(_KIND) and key in flat:
            kinds.append(str(flat[key]))
        elif values[here] < max(values.values()) or list(values.values()).count(values[here]) > 1:
            others.append(f"{key}={flat.get(key)}")
    return [*kinds, *others]


def _governing(key: str) -> list[str]:
    """The kinds of the parts in which a key stands, from the outermost."""
    above = key.split(".")[:-1]
    kinds = [".".join(above[: n + 1]) + _KIND for n in range(len(above))]
    return [kind for kind in kinds if kind != key]


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """The leaves of a tree by their dotted keys."""
    if not isinstance(tree, dict | list):
        return {prefix: tree}
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return {k: v for key, value in inner for k, v in _flat(value, f"{prefix}.{key}".lstrip(".")).items()}
