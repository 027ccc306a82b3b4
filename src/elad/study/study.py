"""A study: arms, each a recipe with other parts, run over the same seeds, one after the other or some at a time.

name: arithmetic
recipe: studies/arithmetic-base.yaml
seeds: [0, 1, 2, 3, 4]
against: random
arms:
  random: {select.kind: random}
  elad: {select.kind: egss}
side: {seeds: [0, 1, 2], arms: {margin: {select.kind: margin}}}
versus: [[elad, margin]]
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from elad.errors import EladError, InputError
from elad.folder import stopped
from elad.ledger import FILE, Ledger
from elad.progress import heed, say
from elad.recipe import load_recipe
from elad.records import Record
from elad.report import stored_recipe
from elad.study.curves import Measure


class Side(Record):
    """Arms that are run after the others, and over fewer seeds: what is worth a look, but not the main question."""

    seeds: tuple[int, ...] = Field(min_length=1)
    arms: dict[str, dict[str, Any]] = Field(min_length=1)


class Study(Record):
    """What is compared. `arms`: overrides of the recipe by the arms' names, each as `elad run` takes them.

    `against`: the arm that the others are held against. `ceiling`: the arm whose last accuracy is the whole pool's, of
    which `share` is to be reached. `side`: more arms, over some of the seeds. `versus`: pairs of arms of which the
    first is held against the second. `measure`: what counts as right of a held-out question, its answer, or every step
    and the answer, as the file has them. Seeds pair the arms: pool, held-out questions, first student and the first
    round's draw are the same.
    """

    name: str = Field(pattern=r"^\w[\w.-]*$")
    recipe: Path
    seeds: tuple[int, ...] = Field(min_length=1)
    arms: dict[str, dict[str, Any]] = Field(min_length=1)
    against: str
    ceiling: str
    share: float = Field(0.95, gt=0, le=1)
    measure: Measure = "answers"
    side: Side | None = None
    versus: tuple[tuple[str, str], ...] = ()

    @property
    def groups(self) -> list[tuple[tuple[int, ...], dict[str, dict[str, Any]]]]:
        """Seeds and the arms that are run over them, in the order in which they are run."""
        return [(self.seeds, self.arms), *([(self.side.seeds, self.side.arms)] if self.side else [])]

    @model_validator(mode="after")
    def _names_its_arms(self) -> Self:
        every = [name for _, arms in self.groups for name in arms]
        roles = [("against", self.against, [*self.arms]), ("ceiling", self.ceiling, [*self.arms])]
        roles += [("versus", name, every) for pair in self.versus for name in pair]
        for role, name, arms in roles:
            if name not in arms:
                raise ValueError(f"{role} is {name!r}, which is no arm; there are {', '.join(arms)}")
        if len(set(every)) < len(every):
            raise ValueError(f"{', '.join(self.arms.keys() & set(every[len(self.arms) :]))} stands in `side` too")
        return self

    @model_validator(mode="after")
    def _pairs_by_seeds(self) -> Self:
        if any(len(set(seeds)) < len(seeds) for seeds, _ in self.groups):
            raise ValueError("a seed stands twice")
        if self.side and (alone := set(self.side.seeds) - set(self.seeds)):
            raise ValueError(f"side.seeds has {', '.join(map(str, sorted(alone)))}, which no other arm is run over")
        return self


class Arm(NamedTuple):
    """A run of a study: an arm with a seed, its folder, and what is put over the recipe."""

    name: str
    seed: int
    folder: Path
    overrides: tuple[str, ...]


def load_study(path: Path) -> Study:
    """Read a study, and every arm's recipe. Raises InputError with what is wrong.

    What a file with `like: OTHER.yaml` does not say is as in the other.
    """
    content = _content(path)
    if isinstance(content, dict) and "like" in content:
        content = {**_shared(path, content["like"]), **content}
        del content["like"]
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {where and where + ': '}{first['msg'].removeprefix('Value error, ')}") from error
    for arm in runs_of(study, Path()):
        try:
            load_recipe(study.recipe, arm.overrides)
        except InputError as error:
            where = "arms" if arm.name in study.arms else "side.arms"
            raise InputError(f"{path}: {where}.{arm.name}: {error}") from error
    return study


def _shared(path: Path, like: Any) -> dict[str, Any]:
    other = _content(Path(like)) if isinstance(like, str) else None
    if not isinstance(other, dict) or "like" in other:
        raise InputError(f"{path}: like is {like!r}. Expected the file of a study that is not itself like another.")
    return other


def _content(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}. Expected a study in YAML.") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error


def runs_of(study: Study, under: Path) -> Iterator[Arm]:
    """Its runs, seed by seed, so that what is there at any time is paired; those of the side after the others."""
    for seeds, arms in study.groups:
        for seed in seeds:
            for name, changes in arms.items():
                overrides = tuple(f"{key}={_written(value)}" for key, value in changes.items())
                yield Arm(name, seed, under / study.name / name / str(seed), (f"seed={seed}", *overrides))


def run_study(study: Study, under: Path, jobs: int = 1) -> dict[Arm, str]:
    """Run what is not finished, `jobs` runs at a time; returns why those failed that did, by their arms.

    Each run is a process of its own on one core, so that its sums, and so its student, are the same whatever runs
    beside it. What one costs does not end the others.
    """
    arms, failed = list(runs_of(study, under)), dict[Arm, str]()
    pool = ThreadPoolExecutor(jobs)
    try:
        for number, (arm, why) in enumerate(pool.map(lambda arm: (arm, _run(study.recipe, arm)), arms), start=1):
            say(f"{number}/{len(arms)} {arm.name}, seed {arm.seed}: {why or 'done'}")
            if why:
                failed[arm] = why
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C no other run begins
    return failed


def _run(recipe: Path, arm: Arm) -> str | None:
    heed()
    if is_done(recipe, arm):
        return None
    command = [sys.executable, "-m", "elad", "run", str(recipe), "--run", str(arm.folder), *arm.overrides]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"ended with exit code {done.returncode}"])[-1]


def is_done(recipe: Path, arm: Arm) -> bool:
    """Whether it has stopped, and was made by the recipe as it is now."""
    if not (arm.folder / FILE).exists():
        return False
    try:
        with Ledger(arm.folder, read_only=True) as ledger:
            return bool(stopped(ledger)) and stored_recipe(ledger) == load_recipe(recipe, arm.overrides)
    except EladError:
        return False


def _written(value: Any) -> str:
    """A value as an override says it."""
    return yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("...\n").strip()
