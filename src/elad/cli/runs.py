"""Running, and what a run has come to."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from elad.cli.common import (
    AsJson,
    Overrides,
    RecipeFile,
    RunFolder,
    RunOption,
    print_facts,
    print_json,
    print_line,
    print_table,
)
from elad.errors import EladError, InputError, Interrupted

if TYPE_CHECKING:
    from elad.ledger import Ledger


def run(
    recipe: RecipeFile,
    overrides: Overrides = None,
    folder: RunOption = None,
    as_json: AsJson = False,
) -> None:
    """Run a recipe to a stated stop. The same command again goes on from where it was left."""
    from elad.ledger import Ledger
    from elad.loop import distil
    from elad.progress import shown
    from elad.recipe import load_recipe
    from elad.report import summary, write_report

    console = Console(stderr=True, soft_wrap=True)
    chosen = load_recipe(recipe, overrides or [])
    where = folder or Path("runs") / chosen.name
    with shown(console):
        try:
            distil(chosen, where, _first_screen(console))
        except Interrupted:
            console.print(
                f"Stopped. The same command goes on from here: nothing in {where} is lost.",
                highlight=False,
                markup=False,
            )
            raise
    with Ledger(where, read_only=True) as ledger:
        told = summary(ledger)
        report = write_report(ledger)
    if as_json:
        print_json(told)
    else:
        print_table(told)
        print_line(f"stopped: {told['stopped']}\nstudent: {told['result']}\nreport:  {report}")


def _first_screen(console: Console) -> "Callable[[Ledger], None]":
    """What says where a run stands. It may fail, for what people have said is read too; that must not end the run."""
    from elad.progress import say
    from elad.report import Told, facts, now, summary

    before: Told = {}

    def tell(ledger: "Ledger") -> None:
        try:
            print_facts(facts(summary(ledger, before), now(ledger)), console)
        except EladError as error:
            say(f"  where it stands can't be said: {error}")

    return tell


def status(folder: RunFolder, as_json: AsJson = False) -> None:
    """Say where a run stands."""
    from elad.ledger import Ledger
    from elad.report import facts, now, summary

    with Ledger(folder, read_only=True) as ledger:
        told, doing = summary(ledger), now(ledger)
    if as_json:
        print_json({**told, "now": doing})
        return
    print_facts(facts(told, doing))
    print_table(told)


def report(
    folder: RunFolder,
    to: Annotated[Path | None, typer.Option(help="The file to write [RUN/report.html].")] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown, and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a run's report from its ledger: one file to look at in a browser, without a network."""
    from elad.ledger import Ledger
    from elad.report import markdown, summary, write_report

    if sum((to is not None, as_markdown, as_json)) > 1:
        raise InputError("--to writes a file, --markdown and --json print: name one of them.")
    with Ledger(folder, read_only=True) as ledger:
        if as_json:
            print_json(summary(ledger))
        elif as_markdown:
            print_line(markdown(summary(ledger)).rstrip())
        else:
            print_line(str(write_report(ledger, to)))


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
        print_json({"folder": str(to), "hub": address, "annotations": counts})
    else:
        print_line(f"student: {to}")
        for name, count in counts.items():
            print_line(f"{to / 'annotations' / name}.jsonl: {count} rows")
        if address:
            print_line(f"hub: {address}")
