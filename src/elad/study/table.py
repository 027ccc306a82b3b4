"""A results file in tables: how each arm goes, and how arms stand to others. From the file alone."""

from collections.abc import Iterator
from statistics import fmean
from typing import Any, NamedTuple

from elad.report import grid
from elad.study.curves import UNITS, curve_of, leading_unit

_QUARTERS = (0.25, 0.5, 0.75, 1.0)
_UNITS = [unit for unit in UNITS if unit != "tokens"]


class Table(NamedTuple):
    """A table of text, and what it shows."""

    caption: str
    header: list[str]
    rows: list[list[str]]


def tables(told: dict[str, Any]) -> list[Table]:
    """The arms, and their comparisons where there are any."""
    return [_arms(told), *([_held(told)] if any(_comparisons(told)) else [])] if told["arms"] else []


def markdown(told: dict[str, Any]) -> str:
    """The same, for a page of documentation; before it, what is not held against what, and why."""
    notes = [line for note in told.get("notes", ()) for line in (note, "")]
    return "\n".join([*notes, *(line for t in tables(told) for line in (t.caption, "", *grid(t.header, t.rows), ""))])


def _arms(told: dict[str, Any]) -> Table:
    unit, most = leading_unit(told["arms"]), _common_spend(told)
    worst = ["worst domain"] if any(_worst(arm) for arm in told["arms"].values()) else []
    rows = []
    for name, arm in told["arms"].items():
        curves = [curve_of(run, unit) for run in arm["curves"].values()]
        begins, ends = _begins(told, name), min(curve.spend[-1] for curve in curves)
        spends = [share * most for share in _QUARTERS]
        rows.append(
            [
                name,
                str(len(curves)),
                *(f"{fmean(c.at(spend) for c in curves):.1%}" if begins <= spend <= ends else "" for spend in spends),
                f"{fmean(curve.accuracy[-1] for curve in curves):.1%}",
                *(_worst(arm) for _ in worst),
                f"{fmean(curve.spend[-1] for curve in curves):,.0f}",
                _mean(arm["accepted"], ".0%"),
                _mean(arm["own_auroc"], ".2f"),
            ]
        )
    spent = unit.replace("_", " ")
    caption = (
        f"Mean held-out accuracy over seeds after shares of {most:,.0f} {spent} and in the end, "
        f"{'that of the worst domain in the end, ' if worst else ''}"
        f"and the {spent} by then; the share of what was annotated that the teacher accepted, and the AUROC "
        'of the score by which was selected, for "the student is wrong": means over rounds.'
    )
    return Table(
        caption,
        ["arm", "seeds", *(f"{share:.0%}" for share in _QUARTERS), "end", *worst, spent, "accepted", "AUROC"],
        rows,
    )


def _held(told: dict[str, Any]) -> Table:
    units = [
        unit for unit in _UNITS if any(unit in held[f"gain_over_{other}"] for _, other, held in _comparisons(told))
    ]
    rows, leading = [], leading_unit(told["arms"])
    for name, other, held in _comparisons(told):
        gains, ratios = held[f"gain_over_{other}"], held.get(f"spend_ratio_to_{other}", {})
        begun = max(_begins(told, name), _begins(told, other))
        rows.append(
            [
                name,
                other,
                str(gains[leading][-1]["seeds"]),
                *(ratio(ratios[unit]) if unit in ratios else "" for unit in units),
                _points(gains[leading][-1]) if gains[leading][-1]["spend"] >= begun else "",
            ]
        )
    target = f"a held-out accuracy of {told['target']:.1%}" if told["target"] is not None else "the target"
    caption = (
        f"What an arm spends to reach {target}, over what the other spends, paired by seeds; and by how many points it "
        "is ahead where the first of their runs ends, at equal spend. With 95% intervals, bootstrapped over "
        "the seeds. Never: on some seed the arm does not reach it. At most: on some seed the other does not, and all "
        "that it spent counts."
    )
    header = ["arm", "over", "seeds", *(f"{unit.replace('_', ' ')} [95%]" for unit in units), "points ahead [95%]"]
    return Table(caption, header, rows)


def _comparisons(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """An arm, the other, and what is told of the two."""
    unit = leading_unit(told["arms"])
    for name, arm in told["arms"].items():
        if name != told["against"] and unit in arm.get(f"gain_over_{told['against']}", ()):
            yield name, told["against"], arm
    for pair in told["versus"]:
        if unit in pair.get(f"gain_over_{pair['against']}", ()):
            yield pair["arm"], pair["against"], pair


def _common_spend(told: dict[str, Any]) -> float:
    """The spend to which all main arms come, but for the one that is taught everything."""
    unit = leading_unit(told["arms"])
    main = [name for name in told["arms"] if name not in told["side"] and name != told["ceiling"]]
    runs = [run for name in main or told["arms"] for run in told["arms"][name]["curves"].values()]
    return min(curve_of(run, unit).spend[-1] for run in runs)


def _begins(told: dict[str, Any], name: str) -> float:
    """The spend that an arm's first round takes; before that the line between two rounds says nothing."""
    unit = leading_unit(told["arms"])
    return max(curve_of(run, unit).spend[1] for run in told["arms"][name]["curves"].values())


def _worst(arm: dict[str, Any]) -> str:
    """The mean over seeds of the accuracy in the domain that came off worst; nothing where there are no domains."""
    ends = [run[-1].get("domains") for run in arm["curves"].values()]
    return f"{fmean(min(domains.values()) for domains in ends):.1%}" if all(ends) else ""


def _mean(by_round: list[float | None], form: str) -> str:
    known = [value for value in by_round if value is not None]
    return format(fmean(known), form) if known else ""


def ratio(told: dict[str, Any]) -> str:
    """`at most 0.31 [0.28, 0.35]`: a ratio of spends, with its interval where there are several seeds."""
    if told["low"] is None:  # in no draw of seeds does the arm reach the target
        return "never"
    value, low, high = ("never" if told[name] is None else f"{told[name]:.2f}" for name in ("value", "low", "high"))
    known = f"{'at most ' if told['other_reached'] < told['seeds'] and value != 'never' else ''}{value}"
    return f"{known} [{low}, {high}]" if told["seeds"] > 1 else known


def _points(gain: dict[str, Any]) -> str:
    value, low, high = (f"{100 * gain[name]:+.1f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]" if gain["seeds"] > 1 else value
