"""The view: the report's pages, live, on this machine alone."""

from elad.view.server import View, serve

__all__ = ["View", "serve"]
