"""A method is a recipe of parts: YAML in, checked objects out.

    select: {kind: egss, intra: entropy}
    annotate: {kind: revise}

`kind` picks the part; its other keys are the part's own fields. `kind: their_package.module:Class` takes a part from
another package. What is wrong in a recipe is said with its line and the nearest valid word.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import Field, SerializeAsAny, ValidationError, model_validator

from elad.annotate import Annotator, ByContrast, Dialogue, Rationale, Revise
from elad.budget import Caps
from elad.errors import InputError
from elad.foreign import foreign
from elad.keep import All, Clusters, Ifd, Keeper, Knowledge, Loss, Random
from elad.pool import Source
from elad.recipe_errors import complaint, repeated
from elad.records import Part, Record
from elad.select import Diverse, Egss, KCentre, Scorer, Selector
from elad.student import Student, StudentSource
from elad.sufficiency import Agreement, BudgetSpent, Plateau, Rule, Value
from elad.teacher import Endpoint, Human, Local, Nobody, Recorded, Solver, Teacher
from elad.train import Dpo, Sft, Trainer

_KIND = Field(discriminator="kind")

SelectPart = Annotated[SerializeAsAny[Scorer | KCentre | Diverse], _KIND, foreign(Selector)]
AnnotatePart = Annotated[SerializeAsAny[Rationale | Revise | Dialogue | ByContrast], _KIND, foreign(Annotator)]
KeepPart = Annotated[SerializeAsAny[All | Random | Clusters | Loss | Ifd | Knowledge], _KIND, foreign(Keeper)]
TrainPart = Annotated[SerializeAsAny[Sft | Dpo], _KIND, foreign(Trainer)]
StopPart = Annotated[SerializeAsAny[BudgetSpent | Plateau | Agreement | Value], _KIND, foreign(Rule)]
TeacherPart = Annotated[SerializeAsAny[Solver | Recorded | Endpoint | Local | Human | Nobody], _KIND, foreign(Teacher)]


class RoundSize(Record):
    """How large a round is.

    `candidates` questions are drawn uniformly from the pool and explained by the student; `batch` of them are paid
    for, of which the share `audit` (rounded up) is taken as it was drawn, whatever the selector wants.
    """

    candidates: int = Field(240, gt=0)
    batch: int = Field(48, gt=0)
    audit: float = Field(0.2, ge=0, le=1)

    @property
    def audited(self) -> int:
        """How many questions of a batch are taken as they were drawn."""
        return math.ceil(round(self.batch * self.audit, 9))

    @model_validator(mode="after")
    def _batch_fits(self) -> Self:
        if self.batch > self.candidates:
            raise ValueError(f"batch ({self.batch}) can't be larger than candidates ({self.candidates})")
        return self


class Recipe(Record):
    """All that a run is made of. The same recipe and seed on the same machine give the same student."""

    name: str = Field("elad", pattern=r"^\w[\w.-]*$")
    seed: int = 0
    pool: Source
    held_out: Source
    student: StudentSource = Field(default_factory=StudentSource)
    teacher: TeacherPart
    budget: Caps
    rounds: RoundSize = Field(default_factory=RoundSize)
    select: SelectPart = Field(default_factory=Egss)
    annotate: AnnotatePart = Field(default_factory=Revise)
    keep: KeepPart = Field(default_factory=All)
    train: TrainPart = Field(default_factory=Sft)
    stop: tuple[StopPart, ...] = (BudgetSpent(),)

    @model_validator(mode="before")
    @classmethod
    def _kinds_by_default(cls, content: Any) -> Any:
        """A part whose kind is not named is of the kind that stands there by default."""
        if not isinstance(content, dict):
            return content
        defaults = {name: field.get_default(call_default_factory=True) for name, field in cls.model_fields.items()}
        kinds = {name: part.kind for name, part in defaults.items() if isinstance(part, Part)}
        return {
            name: {"kind": kinds[name], **value} if name in kinds and isinstance(value, dict) else value
            for name, value in content.items()
        }

    @model_validator(mode="after")
    def _money_has_a_price(self) -> Self:
        caps = ["budget.money caps money"] if self.budget.money is not None else []
        rules = [f"stop.{i} ({rule.kind}) reckons in money" for i, rule in enumerate(self.stop) if rule.needs_price]
        if (caps or rules) and self.teacher.price is None and self.teacher.listed_price() is None:
            raise ValueError(f"{(caps + rules)[0]}, but teacher.price is missing: a price is never guessed")
        return self

    @model_validator(mode="after")
    def _teacher_can_be_asked_so(self) -> Self:
        nobody = f"teacher.kind is {self.teacher.kind!r}: no one answers"
        if self.annotate.asks and not self.teacher.can_answer:
            raise ValueError(f"annotate.kind {self.annotate.kind!r} asks a teacher, and {nobody}")
        for i, rule in enumerate(self.stop):
            if rule.reads_verdicts and not self.teacher.can_answer:
                raise ValueError(f"stop.{i} ({rule.kind}) counts what a teacher accepts, and {nobody}")
        if self.annotate.converses and not self.teacher.converses:
            raise ValueError(
                f"annotate.kind {self.annotate.kind!r} asks step by step, which a teacher of kind "
                f"{self.teacher.kind!r} can't answer"
            )
        return self

    @model_validator(mode="after")
    def _mentor_is_there(self) -> Self:
        if self.train.reads_mentor and self.annotate.mentor is None:
            raise ValueError(
                "train.soft_labels.model is 'mentor', but annotate.mentor is missing: say there which model is the "
                "mentor, or name another model's directory here"
            )
        if self.annotate.mentor and not (self.annotate.mentor.explanations or self.train.reads_mentor):
            raise ValueError(
                "annotate.mentor is to write 0 explanations, and train.soft_labels does not read it either: name one "
                "or the other, or leave the mentor out"
            )
        return self

    @model_validator(mode="after")
    def _contrasts_are_there(self) -> Self:
        if self.keep.reads_contrasts and not self.annotate.contrasts:
            raise ValueError(
                f"keep.kind {self.keep.kind!r} reads what the student says against its annotations, which "
                f"annotate.kind {self.annotate.kind!r} does not find out: use `annotate: {{kind: contrast}}`"
            )
        return self

    @model_validator(mode="after")
    def _rules_can_hold(self) -> Self:
        for i, rule in enumerate(self.stop):
            if why := rule.out_of_reach(self.rounds.audited):
                raise ValueError(f"stop.{i}: {why}")
        return self

    @model_validator(mode="after")
    def _budget_always_stops(self) -> Self:
        if not any(isinstance(rule, BudgetSpent) for rule in self.stop):
            object.__setattr__(self, "stop", (*self.stop, BudgetSpent()))
        return self

    def parts(self) -> list[tuple[str, Part]]:
        """The parts that do the work of a round, by their verbs."""
        verbs = ("teacher", "select", "annotate", "keep", "train")
        return [*((verb, getattr(self, verb)) for verb in verbs), *(("stop", rule) for rule in self.stop)]

    def fits(self, student: Student) -> None:
        """Look, before anything is paid for, whether the parts can work with the student. Raises InputError."""
        for part in (self.annotate, self.keep, self.train):
            part.fits(student)
        if self.annotate.mentor and self.train.reads_mentor:
            self.annotate.mentor.can_label(student)

    def resolved(self) -> dict[str, Any]:
        """Every value, defaults included, as plain data."""
        return self.model_dump(mode="json")

    def fingerprint(self) -> str:
        """SHA-256 of all that is resolved."""
        return hashlib.sha256(json.dumps(self.resolved(), sort_keys=True).encode()).hexdigest()

    def as_yaml(self) -> str:
        """The resolved recipe, to be read and to be run again."""
        return f"# resolved, fingerprint {self.fingerprint()}\n" + yaml.safe_dump(self.resolved(), sort_keys=False)


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and put `key=value` overrides over it (`budget.tokens=5000`, `select.kind=random`).

    `${NAME}` and `${NAME:-default}` in a text are replaced from the environment; paths are relative to where the
    command runs. An override of a `kind` drops the keys of the part that it replaces. Raises InputError, with the
    lines.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Expected a recipe in YAML.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if twice := repeated(tree):
        raise InputError(f"{path}:{twice[1]}: {twice[0]} stands here for the second time")
    if not isinstance(content, dict):
        raise InputError(f"{path}: a recipe is a mapping with the keys {', '.join(Recipe.model_fields)}.")
    for override in sorted(overrides, key=_kinds_first):
        content = _overridden(content, override)
    try:
        return Recipe.model_validate(_expanded(content))
    except ValidationError as error:
        raise InputError(complaint(error, Recipe, str(path), content, tree)) from error


def differences(one: dict[str, Any], other: dict[str, Any], prefix: str = "") -> list[str]:
    """Where two resolved recipes differ: `budget.tokens: 5000 here, 9000 there`."""
    found = []
    for key in sorted({*one, *other}):
        here, there = one.get(key), other.get(key)
        if isinstance(here, dict) and isinstance(there, dict):
            found += differences(here, there, f"{prefix}{key}.")
        elif here != there:
            found.append(f"{prefix}{key}: {json.dumps(here)} here, {json.dumps(there)} there")
    return found


def _kinds_first(override: str) -> float:
    """A kind goes before other keys, an outer one before an inner: it drops the keys of the part that it replaces."""
    path = override.partition("=")[0].split(".")
    return len(path) if path[-1] == "kind" else math.inf


def _overridden(content: dict[str, Any], override: str) -> Any:
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise InputError(f"{override!r} is no override; expected key=value, such as budget.tokens=5000")
    try:
        return _put(content, path.split("."), yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise InputError(f"{override!r}: {text!r} is not YAML") from error
    except ValueError as error:
        raise InputError(f"{override!r}: {error}") from error


def _put(here: Any, path: Sequence[str], value: Any) -> Any:
    """A tree with a value put at a path. Raises ValueError where the path leads nowhere."""
    if not path:
        return value
    key, *rest = path
    if isinstance(here, list):
        if not (key.isdigit() and int(key) < len(here)):
            raise ValueError(f"expected an index below {len(here)} in place of {key!r}")
        return [_put(item, rest, value) if i == int(key) else item for i, item in enumerate(here)]
    if not isinstance(here, dict | None):
        raise ValueError(f"{here!r} has no key {key!r}")
    here = here or {}
    if path == ["kind"] and here.get("kind") != value:
        return {"kind": value}
    return {**here, key: _put(here.get(key), rest, value)}


def _expanded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expanded(inner) for inner in value]
    return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", _variable, value) if isinstance(value, str) else value


def _variable(match: re.Match[str]) -> str:
    value = os.environ.get(match[1], match[2])
    if value is None:
        raise InputError(f"the recipe names ${{{match[1]}}}, which is not set in the environment")
    return str(value)
