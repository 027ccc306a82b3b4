"""Whether a recipe would run here, found out before anything is paid for: one finding a line."""

import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rich.filesize import decimal as size_of

from elad.errors import EladError
from elad.machine import best_device, device, versions
from elad.recipe import Recipe
from elad.records import Question
from elad.train import Sft

if TYPE_CHECKING:
    from elad.student import Student

_LOOKED_AT = 200
"""Questions of a pool that are measured."""


class Finding(NamedTuple):
    """What was looked at, how it stands, and what to change if it is not as it has to be."""

    about: str
    verdict: Literal["ok", "note", "mend"]
    told: str


def machine() -> Iterator[Finding]:
    """What this machine has, whatever the recipe."""
    yield Finding("versions", "ok", ", ".join(f"{name} {number}" for name, number in versions().items()))
    kind = best_device()
    found = device(kind)
    precision = "bfloat16 and float32" if found.bfloat16 else "float32"
    yield Finding("device", "ok", f"{kind}: {found.name}, {size_of(found.memory)} of memory, {precision}")
    if kind == "cpu":
        yield Finding("device", "note", "no GPU that torch can use: fine for small students; others will be slow")
    free = shutil.disk_usage(Path.cwd()).free
    yield Finding("disk", "ok" if free > 10**9 else "note", f"{size_of(free)} are free here")
    vllm = shutil.which("vllm")
    served = f"vLLM at {vllm}" if vllm else "no `vllm` on the path (needed only for student.served)"
    yield Finding("engines", "ok", f"the built-in one; {served}")
    extras = {"peft": "lora", "pyarrow": "parquet", "math_verify": "math", "tensorboard": "tracking"}
    there = [extra for library, extra in extras.items() if find_spec(library)]
    missing = [extra for extra in extras.values() if extra not in there]
    said = f"installed: {', '.join(there) or 'none'}"
    said += f"; not installed: {', '.join(missing)} (pip install 'elad-distill[NAME]')" if missing else ""
    yield Finding("extras", "ok", said)


def recipe(chosen: Recipe) -> Iterator[Finding]:
    """Whether each part of a recipe is ready, and whether its student fits."""
    for verb, part in chosen.parts():
        yield _tried(f"{verb}: {part.kind}", part.ready)
    asked: list[Question] = []
    for name, source in (("pool", chosen.pool), ("held_out", chosen.held_out)):
        found, finding = _questions(name, source)
        asked += found
        yield finding
    try:
        student = chosen.student.load()
        yield from fits(chosen, student, asked)
    except EladError as error:
        yield Finding("student", "mend", str(error))


def _tried(about: str, work: Callable[[], Any], told: str = "ready") -> Finding:
    try:
        work()
    except EladError as error:
        return Finding(about, "mend", str(error))
    return Finding(about, "ok", told)


def _questions(about: str, source: Any) -> tuple[list[Question], Finding]:
    try:
        rows = [row for _, row in islice(source.rows(), _LOOKED_AT)]
    except EladError as error:
        return [], Finding(about, "mend", str(error))
    asked = [row for row in rows if isinstance(row, Question)]
    if not asked:
        return [], Finding(
            about, "mend", f"none of its first {len(rows)} rows is a question: {next(iter(rows), 'empty')}"
        )
    bad = next((str(row) for row in rows if not isinstance(row, Question)), None)
    said = f"{len(asked)} of its first {len(rows)} rows are questions"
    return asked, Finding(about, "note" if bad else "ok", said + (f"; of another: {bad}" if bad else ""))


def fits(chosen: Recipe, student: "Student", asked: Sequence[Question]) -> Iterator[Finding]:
    """Whether a student fits into this machine, with questions as long as these."""
    from elad.student.memory import rows_that_fit

    model = student.model
    weights = sum(parameter.numel() for parameter in model.parameters())
    turns = "through its chat template" if student.prompts.chats else "by a plain prompt"
    yield Finding(
        "student", "ok", f"{chosen.student.model}: {weights / 1e6:,.1f}M weights on {model.device.type}, asked {turns}"
    )
    command = chosen.student.served.command.split()[0] if chosen.student.served else None
    if command and not shutil.which(command):
        yield Finding("student.served", "mend", f"there is no command {command!r}; install it or name its path")
    if not asked:
        return
    longest = max(len(ids) for question in asked for ids in student.opening(student.prompts.of(question)))
    if long := sum(student.too_long(question) is not None for question in asked):
        yield Finding(
            "questions", "note", f"{long} of {len(asked)} are too long beside explanations of {student.most} tokens"
        )
    rows = rows_that_fit(model, longest + 2 * student.most)
    yield Finding("scoring", "ok", f"{rows} texts at a time (the longest prompt has {longest} tokens)")
    yield _tried("training", lambda: chosen.fits(student), "this student can be trained so")
    if isinstance(chosen.train, Sft):
        yield _training_memory(chosen.train, student, longest + student.most)


def _training_memory(how: Sft, student: "Student", tokens: int) -> Finding:
    """Whether batches of texts of so many tokens fit."""
    from elad.fit.estimate import training
    from elad.fit.optimiser import precision

    has = device(student.model.device.type)
    half = precision(how.optimiser, student.model.device).itemsize == 2
    estimate = training(student.model, how.optimiser, how.lora, how.frozen, half=half)
    size, fitting = how.optimiser.batch, estimate.texts(has.memory, tokens)
    needed = f"about {size_of(int(estimate.fixed))}, and {size_of(int(estimate.a_token * tokens))} a text"
    if fitting >= size:
        told = f"{needed}; batches of up to {fitting} texts fit, {size} are asked for"
        return Finding("training memory", "ok", told)
    if fitting:
        parts = math.ceil(size * how.optimiser.accumulate / fitting)
        told = f"{needed}: batches of {size} won't fit, {fitting} will. "
        told += f"Set train.optimiser.batch={fitting} and train.optimiser.accumulate={parts}."
    else:
        hint = "a smaller student" if how.lora else "train.lora={rank: 16}, or a smaller student"
        told = f"{needed}: {size_of(has.memory)} are not enough. Try {hint}."
    return Finding("training memory", "mend", told)
