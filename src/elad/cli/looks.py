"""Looking at runs in a browser."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from elad.cli.common import print_line

Host = Annotated[str, typer.Option(help="Where to listen; anything but loopback lets other machines in.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]


def view(
    folders: Annotated[list[Path], typer.Argument(help="Run folders.")], host: Host = "127.0.0.1", port: Port = 0
) -> None:
    """Serve runs to a browser on this machine, live, until Ctrl-C. Several are laid over one another."""
    from elad.view import serve

    with suppress(KeyboardInterrupt):
        asyncio.run(serve(folders, host, port, lambda address: print_line(f"{address}   (Ctrl-C ends it)")))
