"""What is wrong in a recipe, said with its line and the nearest valid word.

recipes/mine.yaml:7: select.tempratur: there is no such key; did you mean `temperature`?
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

Loc = Sequence[str | int]


def complaint(error: ValidationError, model: type[BaseModel], where: str, content: Any, tree: yaml.Node | None) -> str:
    """One line for each thing that is wrong in the recipe `where`: its `content`, whose YAML `tree` gives the lines."""
    schema = model.model_json_schema()
    lines = []
    for problem in error.errors(include_url=False):
        loc, line = _place(problem["loc"], content, tree)
        key = ".".join(map(str, loc))
        said = _said(dict(problem), schema)
        if not loc:
            _, line = _place(_named(said), content, tree)
        lines.append(f"{where}{f':{line}' if line else ''}: {f'{key}: ' if key else ''}{said}")
    return "\n".join(lines)


def repeated(tree: yaml.Node | None) -> tuple[str, int] | None:
    """The first key that stands twice in one mapping, and the line of its second time; YAML would take the last."""
    below: list[yaml.Node] = list(tree.value) if isinstance(tree, yaml.SequenceNode) else []
    if isinstance(tree, yaml.MappingNode):
        seen = set()
        for name, value in tree.value:
            if name.value in seen:
                return f"`{name.value}`", name.start_mark.line + 1
            seen.add(name.value)
            below.append(value)
    return next((found for node in below if (found := repeated(node))), None)


def nearest(word: str, words: Iterable[str]) -> str:
    """What to say of a word that is none of the valid ones."""
    valid = sorted(words)
    close = difflib.get_close_matches(word, valid, n=1, cutoff=0.5)
    return f"did you mean `{close[0]}`?" if close else f"expected one of {', '.join(f'`{w}`' for w in valid)}"


def _said(problem: dict[str, Any], schema: Mapping[str, Any]) -> str:
    context = problem.get("ctx", {})
    if problem["type"] == "extra_forbidden":
        *parent, key = problem["loc"]
        known = _keys(parent, schema)  # none of a part of another package
        return "there is no such key" + (f"; {nearest(str(key), known)}" if known else "")
    if problem["type"] == "union_tag_invalid":
        return f"there is no kind {context['tag']!r}; {nearest(context['tag'], _quoted(context['expected_tags']))}"
    if problem["type"] == "union_tag_not_found":
        return "it needs a `kind` that says which part this is"
    if problem["type"] == "literal_error":
        return f"{problem['input']!r} is not valid; {nearest(str(problem['input']), _quoted(context['expected']))}"
    if problem["type"] == "missing":
        return "it is needed and is missing"
    if problem["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return f"expected keys with values, got {problem['input']!r}"
    if problem["type"] in ("tuple_type", "list_type"):
        return f"expected a list, got {problem['input']!r}"
    message = problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    untold = isinstance(given, dict | list | BaseModel) or problem["type"] == "secret"
    return message if untold else f"{message} (got {given!r})"


def _named(said: str) -> Loc:
    """The key with which a complaint about several parts begins, if it begins with one."""
    found = re.match(r"[a-z_]+(?:\.\w+)+", said)
    return [int(key) if key.isdigit() else key for key in found[0].split(".")] if found else []


def _quoted(listed: str) -> list[str]:
    return re.findall(r"'([^']*)'", listed)


def _place(loc: Loc, content: Any, tree: yaml.Node | None) -> tuple[list[str | int], int | None]:
    """The path of keys as the user wrote it, without the names of kinds between them, and the line of its end."""
    path: list[str | int] = []
    line = tree.start_mark.line + 1 if tree else None
    for key in loc:
        if isinstance(content, dict) and key not in content and content.get("kind") == key:
            continue
        path.append(key)
        content = content[key] if _holds(content, key) else None
        tree, line = _child(tree, key, line)
    return path, line


def _holds(content: Any, key: str | int) -> bool:
    return key in content if isinstance(content, dict) else isinstance(content, list) and isinstance(key, int)


def _child(tree: yaml.Node | None, key: str | int, line: int | None) -> tuple[yaml.Node | None, int | None]:
    """The value at a key and the line on which it stands; no value, and the line before, where the key is not."""
    if isinstance(tree, yaml.SequenceNode) and isinstance(key, int) and key < len(tree.value):
        return tree.value[key], tree.value[key].start_mark.line + 1
    if isinstance(tree, yaml.MappingNode):
        for name, value in tree.value:
            if name.value == key:
                return value, name.start_mark.line + 1
    return None, line


def _keys(loc: Loc, schema: Mapping[str, Any]) -> list[str]:
    """The keys that are valid at a place of the recipe, read off its JSON schema."""
    here: Mapping[str, Any] = schema
    for key in loc:
        here = _resolved(here, schema)
        if key in here.get("properties", {}):
            here = here["properties"][key]
        elif key in here.get("discriminator", {}).get("mapping", {}):
            here = {"$ref": here["discriminator"]["mapping"][key]}
        elif isinstance(key, int):
            here = here.get("items", {})
    return list(_resolved(here, schema).get("properties", {}))


def _resolved(here: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references, and optional values to what they are when given."""
    while True:
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rpartition("/")[2]]
        elif "anyOf" in here:
            here = next((option for option in here["anyOf"] if option.get("type") != "null"), {})
        else:
            return here
