"""Studies: arms run over seeds and held against one another; and runs that are there, held against one another."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from elad.cli.common import AsJson, print_columns, print_json, print_line
from elad.errors import InputError, StorageError

_RESULTS = Path("studies") / "results"

AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")]


def study(
    file: Annotated[Path, typer.Argument(help="A study in YAML; or its results file, which is told and drawn again.")],
    under: Annotated[Path, typer.Option(help="Where its runs lie.")] = Path("runs") / "studies",
    to: Annotated[Path | None, typer.Option(help="The results file [studies/results/NAME.json].")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, each on one core.")] = 1,
    as_markdown: AsMarkdown = False,
    as_json: AsJson = False,
) -> None:
    """Run a study's arms over its seeds, and hold them against one another. The same command again goes on."""
    from elad.progress import shown
    from elad.study import load_results, load_study, results, run_study

    _check(to, as_markdown, as_json)
    if file.suffix == ".json":
        told = load_results(file)
        _write(told, to or file)
        _tell(told, as_markdown, as_json)
        return
    chosen = load_study(file)
    place = to or _RESULTS / f"{chosen.name}.json"
    with shown(Console(stderr=True, soft_wrap=True)):
        failed = run_study(chosen, under, jobs)
    told = results(chosen, under)
    drawings = _write(told, place)
    _tell(told, as_markdown, as_json)
    if not (as_markdown or as_json):
        print_line(f"results: {place}, drawn in {' and '.join(map(str, drawings))}")
    if failed:
        arms = "\n  ".join(f"{arm.name}, seed {arm.seed}: {why}" for arm, why in failed.items())
        raise InputError(f"{len(failed)} runs came to nothing; the same command tries them again:\n  {arms}")


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Run folders.")],
    against: Annotated[
        str | None, typer.Option(help="An arm, or a run of it [what selects at random, or the first].")
    ] = None,
    target: Annotated[
        float | None, typer.Option(min=0, max=1, help="The held-out accuracy to reach [what --against comes to].")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="A results file to write (.json); its drawing goes beside it.")
    ] = None,
    as_markdown: AsMarkdown = False,
    as_json: AsJson = False,
) -> None:
    """Hold runs against one another, as a study does. Those that differ in their seeds alone are one arm."""
    from elad.study import compared

    _check(to, as_markdown, as_json)
    told = compared(folders, against, target)
    drawings = _write(told, to) if to else []
    _tell(told, as_markdown, as_json)
    if to and not (as_markdown or as_json):
        print_line(f"results: {to}, drawn in {' and '.join(map(str, drawings))}")


def _check(to: Path | None, as_markdown: bool, as_json: bool) -> None:
    if as_markdown and as_json:
        raise InputError("--markdown and --json both print: name one of them.")
    if to and to.suffix != ".json":
        raise InputError(f"--to {to} is no name of a results file: it ends in .json, and its drawing lies beside it.")


def _write(told: dict[str, Any], place: Path) -> list[Path]:
    """The results file, and its drawings beside it, whose files are returned. Raises StorageError."""
    from elad.study.multiples import multiples
    from elad.study.plot import plotted

    side = multiples(told)
    drawings = {place.with_suffix(".svg"): plotted(told)} if told["arms"] else {}
    drawings |= {place.with_name(f"{place.stem}-side.svg"): side} if side else {}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        for file, drawing in drawings.items():
            file.write_text(drawing, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{error.filename or place} can't be written: {error.strerror}.") from error
    return list(drawings)


def _tell(told: dict[str, Any], as_markdown: bool, as_json: bool) -> None:
    from elad.study.table import markdown, tables

    if as_json:
        print_json(told)
        return
    if as_markdown:
        print_line(markdown(told).rstrip())
        return
    for note in told.get("notes", ()):
        print_line(note)
    for table in tables(told):
        print_line("")
        print_columns(table.header, table.rows)
        print_line(table.caption)
