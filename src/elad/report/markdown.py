"""A run as Markdown, for a terminal or a pull request."""

from collections.abc import Sequence
from typing import Any

from elad.report.facts import facts
from elad.report.text import domains, table


def markdown(told: dict[str, Any]) -> str:
    """The summary as Markdown."""
    lines = [f"# {told['name']}", ""]
    for fact in facts(told):
        lines += [f"- {fact.name}: {fact.value}", *(f"    - {detail}" for detail in fact.details)]
    lines += ["", *grid(*table(told))]
    if told["rounds"]:
        lines += ["", "Held-out answers before the first round and after the last:", ""]
        lines += grid(*domains(told))
    if any(round["aurocs"] for round in told["rounds"]):
        names = sorted({name for round in told["rounds"] for name in round["aurocs"]})
        rows = [
            [str(round["round"]), *(f"{round['aurocs'][n]:.2f}" if n in round["aurocs"] else "" for n in names)]
            for round in told["rounds"]
            if round["aurocs"]
        ]
        lines += [
            "",
            "How well each score told the flawed explanations from the sound ones (AUROC, on what was paid for):",
        ]
        lines += ["", *grid(["round", *names], rows)]
    if told["set_aside"]:
        lines += ["", f"Set aside, of {told['questions']['unusable']} the first:", ""]
        lines += [f"- {row['row']}: {row['reason']}" for row in told["set_aside"][:10]]
    return "\n".join(lines) + "\n"


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, line by line."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in line)} |" for line in lines]
