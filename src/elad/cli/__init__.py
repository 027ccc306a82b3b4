"""The verbs that a person types."""

from elad.cli.main import main

__all__ = ["main"]
