"""The report: what happened in a run, as data, as text, and as a page."""

from elad.report.certificate import certificate
from elad.report.data import Told, annotations, left_out, stored_recipe, summary
from elad.report.facts import Fact, facts, stands, trust
from elad.report.html import write_report
from elad.report.markdown import grid, markdown
from elad.report.now import now
from elad.report.text import domains, has_many_domains, said, shares, states, table

__all__ = [
    "Fact",
    "Told",
    "annotations",
    "certificate",
    "domains",
    "facts",
    "grid",
    "has_many_domains",
    "left_out",
    "markdown",
    "now",
    "said",
    "shares",
    "stands",
    "states",
    "stored_recipe",
    "summary",
    "table",
    "trust",
    "write_report",
]
