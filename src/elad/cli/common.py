"""What the verbs share: their arguments, and how they print."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from elad.text import visible

if TYPE_CHECKING:
    from elad.report import Fact

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
    """On the standard output; nothing in it acts on a terminal."""
    typer.echo(visible(text))


def print_facts(facts: "Sequence[Fact]", console: Console | None = None) -> None:
    """What a run has come to, name by name, in as many columns as the terminal has."""
    drawn = Table(box=None, pad_edge=False, show_header=False)
    drawn.add_column(no_wrap=True, style="bold")
    drawn.add_column(overflow="fold")
    for fact in facts:
        drawn.add_row(fact.name, escape(visible("\n".join((fact.value, *fact.details)))))
    (console or Console()).print(drawn, highlight=False, soft_wrap=False)


def print_table(told: dict[str, Any]) -> None:
    """The rounds of a run."""
    from elad.report import domains, has_many_domains, table

    print_columns(*table(told))
    if has_many_domains(told):
        print_columns(*domains(told))


def print_columns(header: list[str], rows: list[list[str]]) -> None:
    """Columns that stand under their heads."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for cell in header:
        drawn.add_column(escape(visible(cell)), overflow="fold")
    for row in rows:
        drawn.add_row(*(escape(visible(cell)) for cell in row))
    Console(soft_wrap=True).print(drawn)
