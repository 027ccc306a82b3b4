"""The final exam of a run's student."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from elad.budget import Caps
from elad.cli.common import AsJson, RunFolder, print_json, print_line
from elad.errors import InputError, Interrupted
from elad.text import at_most

NOT_CERTIFIED = 6
"""The exit code of an exam that has not certified all that was asked for."""


def certify(
    folder: RunFolder,
    agreement: Annotated[
        float | None, typer.Option(min=0, max=1, help="The share of explanations that the teacher is to accept whole.")
    ] = None,
    answers: Annotated[
        float | None, typer.Option(min=0, max=1, help="The share of answers that it is to leave as they are.")
    ] = None,
    confidence: Annotated[float | None, typer.Option(min=0.5, max=0.9999, help="Of each bound apart [0.95].")] = None,
    pool: Annotated[
        int | None, typer.Option(min=1, help="Of more questions, a uniform sample of so many is the pool [2000].")
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(metavar="CAP=MOST", help="What the exam may spend, such as calls=200 [what the run has left]."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold an exam of a finished run's student: audits, no more than it takes to certify the shares that are named.

    The same command again goes on; so do other shares, or a larger budget. Exit code 6: not all is certified.
    """
    from elad.certify import Wanted
    from elad.certify import certify as hold
    from elad.progress import shown
    from elad.sufficiency.exam import Targets

    named = {"agreement": agreement, "answers": answers}
    targets: Targets = {what: share for what, share in named.items() if share is not None}  # type: ignore[misc]
    if not targets:
        raise InputError("name a share to certify: --agreement 0.9, --answers 0.9, or both.")
    wanted = Wanted(targets, confidence, pool, _caps(budget) if budget else None)
    console = Console(stderr=True, soft_wrap=True)
    with shown(console):
        try:
            told = hold(folder, wanted)
        except Interrupted:
            console.print("Stopped. The same command goes on from here: nothing is lost.", highlight=False)
            raise
    if as_json:
        print_json(told)
    else:
        for line in _lines(told):
            print_line(line)
    if not told["certified"]:
        raise typer.Exit(NOT_CERTIFIED)


def _caps(budget: list[str]) -> Caps:
    try:
        return Caps.model_validate(dict(cap.split("=", 1) for cap in budget))
    except ValueError as error:
        raise InputError(
            f"--budget {' '.join(budget)} is no budget: expected one or more of {', '.join(Caps.model_fields)}, each "
            "with the most that the exam may spend of it, such as --budget calls=200 --budget tokens=50000."
        ) from error


def _lines(told: dict[str, Any]) -> Iterator[str]:
    """What was certified of whom, at what price, and what is left to be shown."""
    from elad.report import said
    from elad.report.certificate import certified, whose

    if "audits" in told:
        for what in ("agreement", "answers"):
            share = told[what]
            yield f"{certified(told, what)}: {share['right']:,} of {share['total']:,} audits held"
        yield f"{100 * told['confidence']:.4g}% confidence, in each apart"
        yield f"student: {whose(told)}"
        yield f"spent:   {said(told['spent'])}"
    for what, target in told["targets"].items():
        yield f"{what} of {target:.4g}: {_stands(told, what)}"


def _stands(told: dict[str, Any], what: str) -> str:
    needed = told["needed"][what]
    if needed == 0:
        return "certified"
    if needed is None:
        return f"not certified, and not to be expected: it is at most {at_most(told[what]['at_most'])}"
    return f"not certified: about {needed:,} more audits, if all hold; a larger --budget goes on from here"
