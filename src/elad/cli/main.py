"""The verbs that a person types.

Exit codes: 0 the run has come to a stated stop (or the command did its job), 2 a recipe, pool or argument to mend, 3
the teacher can't be asked, 4 the run folder is in use, of another recipe or damaged, 5 the disk is full or can't be
written, 6 an exam has not certified all that was asked for, 130 Ctrl-C.
"""

import os
import sys
import warnings

import typer
from rich.console import Console

from elad.cli.exams import certify
from elad.cli.looks import review, view
from elad.cli.machine import answers, doctor
from elad.cli.money import plan, reparse, reprice
from elad.cli.runs import export, report, run, status
from elad.cli.studies import compare, study
from elad.errors import EladError, Interrupted
from elad.text import visible

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
_OF_A_RUN = (plan, run, status, report, view, review, certify, export, reprice, reparse)
for verb in (*_OF_A_RUN, study, compare, answers, doctor):
    app.command()(verb)


def main() -> None:
    """The command `elad`: errors are told in a line, without a traceback."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    warnings.filterwarnings("ignore", ".is_gradient_checkpointing. is deprecated", FutureWarning)  # peft's and TRL's
    try:
        app()
    except EladError as error:
        Console(stderr=True, soft_wrap=True).print(
            visible(f"elad: {error}"), style="red", markup=False, highlight=False
        )
        sys.exit(error.exit_code)
    except (Interrupted, KeyboardInterrupt):
        sys.exit(Interrupted.exit_code)
