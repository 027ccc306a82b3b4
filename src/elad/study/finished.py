"""Runs that are there, held against one another: those that differ in their seeds alone are one arm."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from elad.errors import InputError
from elad.folder import stopped
from elad.ledger import Ledger
from elad.machine import versions
from elad.recipe import differences
from elad.report import stored_recipe
from elad.study.arms import Run, Runs, last_accuracy, pairs, told
from elad.study.curves import points
from elad.study.names import names
from elad.study.origin import origin_of


class _Read(NamedTuple):
    """A run as it is compared."""

    folder: Path
    recipe: dict[str, Any]
    seed: int
    stopped: bool
    run: Run


def compared(folders: Sequence[Path], against: str | None = None, target: float | None = None) -> dict[str, Any]:
    """A results file of these runs, as a study's; `runs` has the arms' folders, `notes` what is not held, and why.

    `against`: an arm's name or a folder of one of its runs; else what selects at random, of several the one
    with the most rounds, or the first arm. `target`: the held-out accuracy to be reached; else that to which the arm
    `against` comes. Raises InputError where runs can't be compared, with what differs.
    """
    reads = [_read(folder) for folder in folders]
    _refuse_other_questions(reads)
    arms = _arms(reads)
    base = _base(arms, against)
    runs = {name: {read.seed: read.run for read in of} for name, of in arms.items()}
    aim = last_accuracy(runs[base]) if target is None else target
    return {
        "runs": {name: {str(read.seed): str(read.folder) for read in of} for name, of in arms.items()},
        "versions": versions(),
        "notes": _notes(reads, runs, base),
        "ceiling": None,
        "side": [],
        **told(runs, base, aim),
    }


def _read(folder: Path) -> _Read:
    with Ledger(folder, read_only=True) as ledger:
        recipe, rounds = stored_recipe(ledger), points(ledger)
        if len(rounds) < 2:
            raise InputError(f"{folder} has no finished round yet: there is nothing to compare.")
        run = Run(rounds, origin_of(ledger))
        return _Read(folder, recipe.resolved(), recipe.seed, stopped(ledger) is not None, run)


def _refuse_other_questions(reads: Sequence[_Read]) -> None:
    first = reads[0]
    for other in reads[1:]:
        if other.run.origin.held_out != first.run.origin.held_out:
            found = differences({"held_out": first.recipe["held_out"]}, {"held_out": other.recipe["held_out"]})
            raise InputError(
                f"{first.folder} and {other.folder} can't be compared: their held-out questions are not the same.\n  "
                + ("\n  ".join(found) or "Their recipes name the same ones, but the content differs.")
            )


def _arms(reads: Sequence[_Read]) -> dict[str, list[_Read]]:
    """Runs by their arms, in the order in which they were named. Raises InputError where a seed stands twice in one."""
    groups: dict[str, list[_Read]] = {}
    for read in reads:
        group = groups.setdefault(json.dumps(_method(read), sort_keys=True), [])
        for other in group:
            if other.seed == read.seed:
                raise InputError(f"{other.folder} and {read.folder} are one recipe with one seed: name one of them.")
        group.append(read)
    firsts = [group[0] for group in groups.values()]
    called = names([read.recipe | {"seed": None} for read in firsts])
    if len(set(called)) < len(called):  # one recipe whose files have changed
        called = names([_method(read) for read in firsts])
    return dict(zip(called, groups.values(), strict=True))


def _method(read: _Read) -> dict[str, Any]:
    """What the runs of an arm share: all but the seed, and where they began, which files decide too."""
    began = {"pool content": read.run.origin.pool, "student content": read.run.origin.student}
    return {**read.recipe, "seed": None, **began}


def _base(arms: dict[str, list[_Read]], against: str | None) -> str:
    if against is None:
        at_random = [name for name, of in arms.items() if of[0].recipe["select"]["kind"] == "random"]
        return max(at_random or [next(iter(arms))], key=lambda name: len(arms[name][0].run.rounds))
    for name, of in arms.items():
        if against == name or Path(against) in [read.folder for read in of]:
            return name
    raise InputError(f"--against {against!r} is no arm and no run of one. The arms are:\n  " + "\n  ".join(arms))


def _notes(reads: Sequence[_Read], arms: Mapping[str, Runs], base: str) -> list[str]:
    notes = [f"{read.folder} has not stopped: it counts as far as it came." for read in reads if not read.stopped]
    for name, runs in arms.items():
        here, there = next(iter(runs.values())).origin, next(iter(arms[base].values())).origin
        other = [what for what in ("pool", "student") if getattr(here, what) != getattr(there, what)]
        paired = pairs(runs, arms[base])
        if other:
            notes.append(f"{name} began with another {' and '.join(other)} than {base}: not held against it.")
        elif not paired:
            notes.append(f"{name} shares no seed with {base}: not held against it.")
        elif len(paired) < len(runs):
            shared = ", ".join(map(str, sorted(paired)))
            notes.append(f"{name} is held against {base} over the seeds that both have: {shared}.")
    return notes
