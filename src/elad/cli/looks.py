"""Looking at runs in a browser."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from elad.cli.common import AsJson, RunFolder, print_facts, print_json, print_line, summary_of

Host = Annotated[str, typer.Option(help="Where to listen; anything but loopback lets other machines in.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="[7321, or a free one]")]


def view(
    folders: Annotated[list[Path], typer.Argument(help="Run folders.")], host: Host = "127.0.0.1", port: Port = None
) -> None:
    """Serve runs to a browser on this machine, live, until Ctrl-C. Several are laid over one another."""
    _serve(folders, host, port, "")


def review(
    folder: RunFolder,
    count: Annotated[int, typer.Option(min=1, help="Explanations that they judge.")] = 40,
    each: Annotated[int, typer.Option(min=1, help="People who judge each of them.")] = 1,
    seed: Annotated[int, typer.Option(help="By which they are drawn.")] = 0,
    host: Host = "127.0.0.1",
    port: Port = None,
    as_json: AsJson = False,
) -> None:
    """Let people judge a sample of what the teacher judged last, in a browser, until Ctrl-C: is it to be trusted?

    They don't see what it said. How many explanations they find sound is told beside how many it accepted. With
    --json it is only told how that stands.
    """
    from urllib.parse import quote

    from elad.ledger import Ledger
    from elad.people import People
    from elad.report import trust
    from elad.review import last_audit, sample

    if not as_json:
        with Ledger(folder, read_only=True) as ledger:
            audit = last_audit(ledger)
        with People(folder) as people:
            drawn = len(sample(audit, people, count, each, seed))
        of = f"{len(audit.annotations)} audited explanations of round {audit.round}"
        print_line(f"{drawn} of {of} are to be judged, each by {each}")
        _serve([folder], host, port, f"runs/0/people/#group={quote(audit.group)}")
    told = summary_of(folder)
    if as_json:
        print_json(told["people"])
    else:
        print_facts(trust(told))


def _serve(folders: list[Path], host: str, port: int | None, page: str) -> None:
    from elad.view import serve

    with suppress(KeyboardInterrupt):
        asyncio.run(serve(folders, host, port, lambda address: print_line(f"{address}{page}   (Ctrl-C ends it)")))
