"""What the verbs share: their arguments, and how they print."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

RecipeFile = Annotated[Path, typer.Argument(help="A recipe in YAML.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="key=value, such as budget.tokens=5000.")]
RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]
RunOption = Annotated[Path | None, typer.Option("--run", help="The run folder [runs/NAME]; the same again resumes.")]


def summary_of(folder: Path) -> dict[str, Any]:
    """What a run has come to, as plain data."""
    from elad.ledger import Ledger
    from elad.report import summary

    with Ledger(folder, read_only=True) as ledger:
        return summary(ledger)


def print_json(told: Any) -> None:
    """For a machine."""
    print_line(json.dumps(told, indent=2, ensure_ascii=False))


def print_line(text: str) -> None:
    """On the standard output."""
    typer.echo(text)


def print_table(told: dict[str, Any]) -> None:
    """The rounds of a run."""
    from elad.report import domains, has_many_domains, table

    print_columns(*table(told))
    if has_many_domains(told):
        print_columns(*domains(told))


def print_columns(header: list[str], rows: list[list[str]]) -> None:
    """Columns that stand under their heads."""
    drawn = Table(*map(escape, header), box=None, pad_edge=False, header_style="bold")
    for row in rows:
        drawn.add_row(*map(escape, row))
    Console(soft_wrap=True).print(drawn)
