"""Parts of other packages: `kind: their_package.module:Class`."""

import importlib
from typing import Any

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from elad.records import Part


def foreign(base: type[Part]) -> WrapValidator:
    """Let `kind: module:Class` through to that class, which must be a part of this verb."""

    def choose(value: Any, ours: ValidatorFunctionWrapHandler) -> Any:
        kind = value.get("kind") if isinstance(value, dict) else None
        if not isinstance(kind, str) or ":" not in kind:
            return ours(value)
        module, _, name = kind.partition(":")
        try:
            part = getattr(importlib.import_module(module), name)
        except Exception as error:  # whatever their module does when it is imported
            raise ValueError(f"kind {kind!r} can't be imported: {error}") from error
        if not (isinstance(part, type) and issubclass(part, base)):
            raise ValueError(f"kind {kind!r} is no {base.__module__}.{base.__name__}")
        return part.model_validate(value)

    return WrapValidator(choose)
