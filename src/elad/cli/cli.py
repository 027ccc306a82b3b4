"""The verbs that a person types.

Exit codes: 0 the run has come to a stated stop (or the command did its job), 2 a recipe, pool or argument to mend, 3
the teacher can't be asked, 4 the run folder is in use, of another recipe or damaged, 5 the disk is full or can't be
written, 130 Ctrl-C.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from elad.errors import EladError, InputError, Interrupted, StorageError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)

RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]


@app.command()
def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe in YAML.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, such as budget.tokens=5000.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--run", help="The run folder [runs/NAME]; the same again resumes.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a recipe to a stated stop. The same command again goes on from where it was left."""
    from elad.ledger import Ledger
    from elad.loop import distil
    from elad.progress import shown
    from elad.recipe import load_recipe
    from elad.report import markdown, summary

    console = Console(stderr=True, soft_wrap=True)
    chosen = load_recipe(recipe, overrides or [])
    where = folder or Path("runs") / chosen.name
    with shown(console):
        try:
            distil(chosen, where)
        except Interrupted:
            console.print(
                f"Stopped. The same command goes on from here: nothing in {where} is lost.",
                highlight=False,
                markup=False,
            )
            raise
    with Ledger(where, read_only=True) as ledger:
        told = summary(ledger)
    report = where / "report.md"
    try:
        report.write_text(markdown(told), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{report} can't be written: {error.strerror}.") from error
    if as_json:
        _print_json(told)
    else:
        _print_table(told)
        _print(f"stopped: {told['stopped']}\nstudent: {told['result']}\nreport:  {report}")


@app.command()
def status(folder: RunFolder, as_json: AsJson = False) -> None:
    """Say where a run stands."""
    from elad.report import states

    told = _summary(folder)
    if as_json:
        _print_json(told)
        return
    _print_table(told)
    _print(f"stopped: {told['stopped'] or 'not yet'}\nquestions: {states(told)}")


@app.command()
def report(folder: RunFolder, as_json: AsJson = False) -> None:
    """Tell a run from its ledger, in Markdown."""
    from elad.report import markdown

    told = _summary(folder)
    if as_json:
        _print_json(told)
    else:
        _print(markdown(told).rstrip())


@app.command()
def export(
    folder: RunFolder,
    to: Annotated[Path, typer.Argument(help="A folder to make.")],
    adapter: Annotated[
        bool, typer.Option("--adapter", help="Low-rank updates alone, not taken into the weights.")
    ] = False,
    push_to_hub: Annotated[
        str | None, typer.Option(metavar="REPO", help="Upload it to the Hugging Face Hub too.")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="For everybody to see there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the student as a Hugging Face directory with a model card, and the annotations in TRL's formats."""
    from elad.export import export as write
    from elad.export import push
    from elad.ledger import Ledger

    if public and not push_to_hub:
        raise InputError("--public says who may see it on the hub: name a repository with --push-to-hub.")
    with Ledger(folder, read_only=True) as ledger:
        counts = write(ledger, to, adapter=adapter)
    address = push(to, push_to_hub, public=public) if push_to_hub else None
    if as_json:
        _print_json({"folder": str(to), "hub": address, "annotations": counts})
    else:
        _print(f"student: {to}")
        for name, count in counts.items():
            _print(f"{to / 'annotations' / name}.jsonl: {count} rows")
        if address:
            _print(f"hub: {address}")


@app.command()
def doctor(
    recipe: Annotated[Path | None, typer.Argument(help="A recipe in YAML, to be looked at too.")] = None,
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, as for `elad run`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what this machine has, and whether a recipe would run here; nothing is paid for."""
    from elad import doctor as doctors
    from elad.recipe import load_recipe

    findings = list(doctors.machine())
    if recipe:
        findings += doctors.recipe(load_recipe(recipe, overrides or []))
    if as_json:
        _print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            _print(f"{finding.verdict:4}  {finding.about}: {finding.told}")
    if any(finding.verdict == "mend" for finding in findings):
        raise typer.Exit(2)


def main() -> None:
    """The command `elad`: errors are told in a line, without a traceback."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        app()
    except EladError as error:
        Console(stderr=True, soft_wrap=True).print(f"elad: {error}", style="red", markup=False, highlight=False)
        sys.exit(error.exit_code)
    except (Interrupted, KeyboardInterrupt):
        sys.exit(Interrupted.exit_code)


def _summary(folder: Path) -> dict[str, Any]:
    from elad.ledger import Ledger
    from elad.report import summary

    with Ledger(folder, read_only=True) as ledger:
        return summary(ledger)


def _print_json(told: Any) -> None:
    _print(json.dumps(told, indent=2, ensure_ascii=False))


def _print(text: str) -> None:
    typer.echo(text)


def _print_table(told: dict[str, Any]) -> None:
    from elad.report import domains, has_many_domains, table

    _print_columns(*table(told))
    if has_many_domains(told):
        _print_columns(*domains(told))


def _print_columns(header: list[str], rows: list[list[str]]) -> None:
    drawn = Table(*map(escape, header), box=None, pad_edge=False, header_style="bold")
    for row in rows:
        drawn.add_row(*map(escape, row))
    Console(soft_wrap=True).print(drawn)
