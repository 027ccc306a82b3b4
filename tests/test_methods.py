"""What the pages of docs/methods show was measured: their tables are those of the committed results files."""

from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from elad.report import grid
from elad.study import load_results

ROOT = Path(__file__).parent.parent


def points(gain: dict[str, Any]) -> str:
    """A gain in points, with its 95% interval."""
    return "{value:+.1f} [{low:+.1f}, {high:+.1f}]".format(
        **{name: 100 * gain[name] for name in ("value", "low", "high")}
    )


def ahead(arm: dict[str, Any], other: str, quarter: int = -1) -> str:
    """By how many points an arm is ahead of another, in the end or after a quarter of what both spent."""
    return points(next(iter(arm[f"gain_over_{other}"].values()))[quarter]) if f"gain_over_{other}" in arm else ""


def by_domain(arm: dict[str, Any], domains: list[str]) -> list[str]:
    """The mean accuracy in each domain in the end."""
    ends = [rounds[-1]["domains"] for rounds in arm["curves"].values()]
    return [f"{fmean(end[name] for end in ends):.0%}" for name in domains]


def kept(arm: dict[str, Any], domains: list[str]) -> list[str]:
    """How many annotations of each domain were trained on, in the mean."""
    last = [rounds[-1] for rounds in arm["curves"].values()]
    return [
        f"{fmean(round['kept'][name][0] for round in last):.0f}" if "kept" in last[0] else "all" for name in domains
    ]


def accuracy(arm: dict[str, Any]) -> str:
    """The mean held-out accuracy in the end."""
    return f"{fmean(rounds[-1]['right'] / rounds[-1]['total'] for rounds in arm['curves'].values()):.1%}"


def of_ifd(told: dict[str, Any]) -> list[str]:
    """Per arm: seeds, accuracy, points ahead of random, and how many annotations of each kind were trained on."""
    kinds = ["clean", "mismatched", "trivial"]
    rows = []
    for name, arm in told["arms"].items():
        over = ahead(arm, "random") if name != "random" else ""
        rows.append([f"`{name}`", str(len(arm["curves"])), accuracy(arm), over, *kept(arm, kinds)])
    return grid(["arm", "seeds", "accuracy", "points over `random`", *kinds], rows)


def of_ddk(told: dict[str, Any]) -> list[str]:
    """Per arm: seeds, accuracy, points ahead of natural shares, and the accuracy in each domain."""
    domains = ["arithmetic", "reverse", "walk", "brackets", "facts"]
    rows = []
    for name, arm in told["arms"].items():
        over = ahead(arm, "natural") if name != "natural" else ""
        rows.append([f"`{name}`", str(len(arm["curves"])), accuracy(arm), over, *by_domain(arm, domains)])
    return grid(["arm", "seeds", "accuracy", "points over `natural`", *domains], rows)


def of_knowledge(told: dict[str, Any]) -> list[str]:
    """Per arm: seeds, accuracy on facts that were not known and on others, points ahead, and what was trained on."""
    domains, kinds = ["unknown", "known", "sums"], ["unknown", "known", "torn", "smudged"]
    rows = []
    for name, arm in told["arms"].items():
        over = [points(arm["domains_over_all"][domain]) if name != "all" else "" for domain in domains[:2]]
        cells = [*by_domain(arm, domains), *over, " ".join(kept(arm, kinds)) if kept(arm, kinds)[0] != "all" else "all"]
        rows.append([f"`{name}`", str(len(arm["curves"])), *cells])
    over_all = [f"{domain}, points over `all`" for domain in domains[:2]]
    return grid(["arm", "seeds", *domains, *over_all, f"kept: {', '.join(kinds)}"], rows)


def of_mentor_kd(told: dict[str, Any]) -> list[str]:
    """Per arm: seeds, points ahead of the teacher alone at equal spend, and what the mentor came to."""
    rows = []
    for name, arm in told["arms"].items():
        over = [ahead(arm, "teacher", quarter) if name != "teacher" else "" for quarter in range(4)]
        rounds = [round["mentored"] for run in arm["curves"].values() for round in run if "mentored" in round]
        written = sum(round["written"] for round in rounds)
        shares = [f"{sum(r[what] for r in rounds) / written:.0%}" if written else "" for what in ("right", "new")]
        rows.append([f"`{name}`", str(len(arm["curves"])), accuracy(arm), *over, *shares])
    header = ["arm", "seeds", "in the end", "at ¼", "at ½", "at ¾", "at all", "right", "new"]
    return grid(header, rows)


TOLD = {"ifd": of_ifd, "ddk": of_ddk, "knowledge": of_knowledge, "mentor_kd": of_mentor_kd}


@pytest.mark.parametrize("name", TOLD)
def test_a_page_shows_what_its_study_found(name: str) -> None:
    page = (ROOT / "docs" / "methods" / f"{name}.md").read_text()
    assert "\n".join(TOLD[name](load_results(ROOT / "studies" / "results" / f"{name}.json"))) in page
