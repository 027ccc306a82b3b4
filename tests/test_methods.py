"""What the pages of docs/methods show was measured: their tables are those of the committed results files."""

from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from elad.report import grid
from elad.study import load_results

ROOT = Path(__file__).parent.parent


def ahead(arm: dict[str, Any], other: str) -> str:
    """By how many points an arm ends ahead of another, with the 95% interval where there are seeds for one."""
    gains = arm[f"gain_over_{other}"]["output_tokens"][-1]
    return "{value:+.1f} [{low:+.1f}, {high:+.1f}]".format(
        **{name: 100 * gains[name] for name in ("value", "low", "high")}
    )


def accuracy(arm: dict[str, Any]) -> str:
    """The mean held-out accuracy in the end."""
    return f"{fmean(rounds[-1]['right'] / rounds[-1]['total'] for rounds in arm['curves'].values()):.1%}"


def of_ifd(told: dict[str, Any]) -> list[str]:
    """Per arm: seeds, accuracy, points ahead of random, and how many annotations of each kind were trained on."""
    kinds = ["clean", "mismatched", "trivial"]
    rows = []
    for name, arm in told["arms"].items():
        last = [rounds[-1] for rounds in arm["curves"].values()]
        kept = [
            f"{fmean(round['kept'][kind][0] for round in last):.0f}" if "kept" in last[0] else "all" for kind in kinds
        ]
        compared = "gain_over_random" in arm and name != "random"
        rows.append([f"`{name}`", str(len(last)), accuracy(arm), ahead(arm, "random") if compared else "", *kept])
    return grid(["arm", "seeds", "accuracy", "points over `random`", *kinds], rows)


@pytest.mark.parametrize(("name", "told"), [("ifd", of_ifd)])
def test_a_page_shows_what_its_study_found(name: str, told: Any) -> None:
    page = (ROOT / "docs" / "methods" / f"{name}.md").read_text()
    assert "\n".join(told(load_results(ROOT / "studies" / "results" / f"{name}.json"))) in page
