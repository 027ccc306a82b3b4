"""What a run will cost, and what it has cost by other prices and other parsers."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from elad.cli.common import AsJson, Overrides, RecipeFile, RunFolder, RunOption, print_json, print_line, summary_of
from elad.errors import InputError


def plan(
    recipe: RecipeFile,
    overrides: Overrides = None,
    folder: RunOption = None,
    probe: Annotated[int, typer.Option(min=0, help="Pay for so many questions first; the run keeps them.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Say what a run will cost, before anything is spent. It is the beginning of that run, which goes on from there."""
    from elad.plan import lines
    from elad.plan import plan as reckon
    from elad.progress import shown
    from elad.recipe import load_recipe

    chosen = load_recipe(recipe, overrides or [])
    where = folder or Path("runs") / chosen.name
    with shown(Console(stderr=True, soft_wrap=True)):
        told = reckon(chosen, where, probe)
    if as_json:
        print_json(told)
    else:
        for line in lines(told):
            print_line(line)


def reprice(
    folder: RunFolder,
    prices: Annotated[
        list[str] | None, typer.Argument(help="class=price of a million tokens, such as input=0.25 output=2.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Reckon a run's money by other prices: yours, or today's of the price list. Its tokens stay as they are."""
    from elad.ledger import Ledger
    from elad.prices import by_hand, tell
    from elad.report import said, stored_recipe

    before = summary_of(folder)["spent"]
    with Ledger(folder) as ledger:
        found = by_hand(prices) if prices else stored_recipe(ledger).teacher.listed_price()
        if found is None:
            raise InputError("no price list knows this run's teacher: give prices, such as input=0.25 output=2")
        tell(ledger, *found)
    after = summary_of(folder)["spent"]
    if as_json:
        print_json({"before": before, "after": after})
    else:
        print_line(f"before: {said(before)}\nnow:    {said(after)}")


def reparse(folder: RunFolder, as_json: AsJson = False) -> None:
    """Read a run's kept replies once more, by the parser of today, without a call: what can be read now is not lost."""
    from elad.reparse import reparse as read_again

    told = read_again(folder)
    if as_json:
        print_json(told)
    else:
        print_line(f"{len(told['found'])} questions that were unusable are annotated now")
        for id in told["found"][:10]:
            print_line(f"  {id}")
