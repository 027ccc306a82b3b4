"""The machine: what it has, and the answers that it keeps."""

from pathlib import Path
from typing import Annotated

import typer

from elad.cli.common import AsJson, print_json, print_line
from elad.errors import InputError


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
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            print_line(f"{finding.verdict:4}  {finding.about}: {finding.told}")
    if any(finding.verdict == "mend" for finding in findings):
        raise typer.Exit(2)


def answers(
    prune: Annotated[bool, typer.Option("--prune", help="Throw answers away: all, or those that are told.")] = False,
    teacher: Annotated[str | None, typer.Option(help="With --prune: the answers of this teacher alone.")] = None,
    older_than: Annotated[
        int | None, typer.Option(metavar="DAYS", min=0, max=36500, help="With --prune: only these.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the answers that were paid for on this machine, which no run buys again; or throw some away."""
    from rich.filesize import decimal as size_of

    from elad.store import Store, place

    where = place()
    if where is None:
        raise InputError("ELAD_ANSWERS=off: answers are not kept on this machine beside the runs' own.")
    if not prune and (teacher or older_than is not None):
        raise InputError("--teacher and --older-than say what is thrown away: name --prune too.")
    store = Store()
    thrown = store.prune(teacher, older_than) if prune else 0
    shelves = store.shelves()
    store.close()
    if as_json:
        told = [{**shelf._asdict(), "usage": shelf.usage.model_dump(exclude_defaults=True)} for shelf in shelves]
        print_json({"place": str(where), "thrown_away": thrown, "answers": told})
        return
    if prune:
        print_line(f"{thrown:,} answers are thrown away")
    print_line(f"{where}: {sum(shelf.answers for shelf in shelves):,} answers")
    for shelf in shelves:
        days = shelf.first if shelf.first == shelf.last else f"{shelf.first} to {shelf.last}"
        cost = f"{shelf.usage.tokens:,} tokens"
        print_line(f"  {shelf.teacher}: {shelf.answers:,} answers, {cost}, {size_of(shelf.size)}, {days}")
