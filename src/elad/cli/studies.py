"""Studies: arms run over seeds and held against one another."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from elad.cli.common import AsJson, print_columns, print_json, print_line
from elad.errors import InputError, StorageError

_RESULTS = Path("studies") / "results"


def study(
    file: Annotated[Path, typer.Argument(help="A study in YAML.")],
    under: Annotated[Path, typer.Option(help="Where its runs lie.")] = Path("runs") / "studies",
    to: Annotated[Path | None, typer.Option(help="The results file [studies/results/NAME.json].")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, each on one core.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Run a study's arms over its seeds, and hold them against one another. The same command again goes on."""
    from elad.progress import shown
    from elad.study import load_study, results, run_study
    from elad.study.plot import plotted

    chosen = load_study(file)
    place = to or _RESULTS / f"{chosen.name}.json"
    with shown(Console(stderr=True, soft_wrap=True)):
        failed = run_study(chosen, under, jobs)
    told = results(chosen, under)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        place.with_suffix(".svg").write_text(plotted(told), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{place} can't be written: {error.strerror}.") from error
    if as_json:
        print_json(told)
    else:
        print_columns(*_table(told))
        print_line(f"results: {place}, drawn in {place.with_suffix('.svg')}")
    if failed:
        arms = "\n  ".join(f"{arm.name}, seed {arm.seed}: {why}" for arm, why in failed.items())
        raise InputError(f"{len(failed)} runs came to nothing; the same command tries them again:\n  {arms}")


def _table(told: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    against, target = told["study"]["against"], told["target"]
    unit = "output_tokens"
    to_reach = f"output tokens to {target:.1%}, over {against}'s [95%]" if target else "output tokens"
    rows = []
    for name, arm in told["arms"].items():
        runs = arm["curves"].values()
        last = [run[-1]["right"] / run[-1]["total"] for run in runs]
        ratio = arm.get("spend_ratio_to_random", {}).get(unit)
        rows.append(
            [
                name,
                str(len(last)),
                f"{sum(last) / len(last):.1%}",
                f"{sum(run[-1][unit] for run in runs) / len(last):,.0f}",
                _interval(ratio) if ratio else "",
            ]
        )
    return ["arm", "seeds", "accuracy in the end", "output tokens", to_reach], rows


def _interval(ratio: dict[str, Any]) -> str:
    value, low, high = ("never" if ratio[name] is None else f"{ratio[name]:.2f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"
