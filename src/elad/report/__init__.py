"""The report: what happened in a run, as data, as text, and as a page."""

from elad.report.data import Remembered, annotations, stored_recipe, summary
from elad.report.facts import Fact, facts
from elad.report.html import write_report
from elad.report.markdown import grid, markdown
from elad.report.now import now
from elad.report.text import domains, has_many_domains, said, shares, states, table

__all__ = [
    "Fact",
    "Remembered",
    "annotations",
    "domains",
    "facts",
    "grid",
    "has_many_domains",
    "markdown",
    "now",
    "said",
    "shares",
    "states",
    "stored_recipe",
    "summary",
    "table",
    "write_report",
]
