"""What the README and the findings show was measured: their tables are those of the committed results files."""

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from elad.report import domains, shares, table
from elad.select import SCORES
from elad.study import load_results
from elad.study.table import markdown, ratio, tables

ROOT = Path(__file__).parent.parent


def results(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text())
    return told


def readme() -> set[str]:
    """Its lines, with runs of white space as one space."""
    return {" ".join(line.split()) for line in (ROOT / "README.md").read_text().splitlines()}


def test_the_demo() -> None:
    demo = results("demo")
    header, rows = table(demo)
    shown = [" ".join(" ".join(cells).split()) for cells in (header, *rows)]
    shown.append(f"stopped: {demo['stopped']}")
    assert set(shown) <= readme()


def test_prontoqa() -> None:
    told = results("prontoqa")
    header, rows = domains(told)
    assert {row(*cells) for cells in (header, *rows)} <= readme()
    text = " ".join((ROOT / "README.md").read_text().split())
    first, last = told["rounds"][0]["accuracy"]["overall"], told["rounds"][-1]["accuracy"]["overall"]
    assert f"went from {shares(first)} to {shares(last)}" in text
    steps = [told["rounds"][number]["same_steps"]["overall"]["share"] for number in (0, -1)]
    assert f"step by step from {steps[0]:.0%} to {steps[1]:.0%}" in text


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def test_scores() -> None:
    told = results("scores")
    worlds = [told[name]["scores"] for name in ("arithmetic, small", "arithmetic, full", "deduction")]
    for name in worlds[0]:
        if name != "inter":
            assert row(name, *(f"{world[name]['auroc']:.2f}" for world in worlds)) in readme()


def test_revision() -> None:
    told = results("revision")
    for name in ("arithmetic, small", "arithmetic, full", "deduction"):
        world = told[name]
        tokens = [f"{world[part]['output_tokens']:,}" for part in ("rationale", "revise")]
        accepted = f"{world['revise']['accepted'] / 400:.0%}"
        assert row(name, *tokens, f"{world['output_ratio']:.2f}", accepted) in readme()


def test_the_speed_of_evidence() -> None:
    told = results("evidence")
    page = (ROOT / "benchmarks" / "README.md").read_text()
    for said, name in SPEEDS.items():
        figure = told[name]
        assert row(said, *(f"{figure[part]:.2f}" for part in ("median", "low", "high"))) in page, said
    for size, figures in told["a round by candidates"].items():
        assert row(f"{int(size):,}", f"{figures['megabytes']:,}", f"{figures['seconds']:,.0f}") in page


SPEEDS = {
    "full evidence, times as fast as `transformers`": "speedup_full",
    "sampling, times as fast as `transformers`": "speedup_sampling",
    "full evidence, times as fast as CTranslate2": "speedup_full_over_ctranslate2",
    "sampling, times as fast as CTranslate2": "speedup_sampling_over_ctranslate2",
    "full evidence, times the floor": "over_floor",
    "share of a round that is no model arithmetic": "overhead_share",
}


def test_how_quick_a_report_is() -> None:
    few, many = results("page")["explanations"].values()
    page = (ROOT / "benchmarks" / "README.md").read_text()
    for name in few:
        cells = [f"{told[name]['median']:,.0f}" if "ms" in name else f"{told[name]:,}" for told in (few, many)]
        assert row(name, *cells) in page, name
    looking = (ROOT / "docs" / "looking.md").read_text()
    assert f"are a file of {many['bytes'] / 1e6:.1f} MB" in looking


def test_the_speed_of_training() -> None:
    told = results("training")
    page = (ROOT / "docs" / "students.md").read_text()
    for name, figure in told["tokens a second"].items():
        assert row(TRAINED_BY[name], *(f"{figure[part]:,.0f}" for part in ("median", "low", "high"))) in page, name


TRAINED_BY = {
    "ours": "ELAD",
    "ours, packed": "ELAD, packed",
    "bare loop": "a bare PyTorch loop over the same batches",
    "bare loop, batches as drawn": "the same over batches as they are drawn",
    "trl": "TRL's `SFTTrainer`",
    "trl, batches of like length": "the same with batches of like length",
    "trl, packing": "the same with packing",
}


def test_the_cost_of_annotating() -> None:
    told = results("annotate")
    page = (ROOT / "benchmarks" / "README.md").read_text()
    for name, shown in ANNOTATED_BY.items():
        whole, asking, cpu = (told[what][name]["median"] for what in ("seconds", "seconds_asking", "cpu_seconds"))
        lost = f"{told['lost'][name]:,}" if told["restart_ended"][name] else "does not end"
        cells = (shown, f"{whole:.1f}", f"{asking:.1f}", f"{cpu:.1f}", f"{told['peak_mib'][name]['median']:.0f}", lost)
        assert row(*cells, f"{told['doubled'][name]:,}" if told["restart_ended"][name] else "") in page, name
    for said, name in RATIOS.items():
        figure = told[name]
        assert row(said, *(f"{figure[part]:.2f}" for part in ("median", "low", "high"))) in page, said


ANNOTATED_BY = {
    "ours": "ELAD",
    "bare": "a bare client",
    "distilabel": "distilabel, batches of 16",
    "distilabel, batches of 50": "distilabel, batches of 50",
    "curator": "Curator",
}
RATIOS = {
    "time from the first request to the last answer, over the bare client's": "over_bare_client",
    "time of the whole process, over the bare client's": "over_bare_client_with_start",
    "distilabel's processor time (batches of 16), over ours": "cpu_vs_distilabel",
    "distilabel's processor time (batches of 50), over ours": "cpu_vs_distilabel_batches_of_50",
    "Curator's processor time, over ours": "cpu_vs_curator",
}


def findings() -> set[str]:
    return {" ".join(line.split()) for line in (ROOT / "docs" / "findings.md").read_text().splitlines()}


@pytest.mark.parametrize("task", ["arithmetic", "deduction", "prontoqa"])
def test_the_findings_are_those_of_the_studies(task: str) -> None:
    told = load_results(ROOT / "studies" / "results" / f"{task}.json")
    assert {" ".join(line.split()) for line in markdown(told).splitlines() if line.startswith("|")} <= findings()
    spent = [
        ratio(told["arms"][arm]["spend_ratio_to_random"]["output_tokens"])
        for arm in ("elad", "elad_brief", "learned", "step_entropy", "self_consistency")
    ]
    assert row(task, f"{told['target']:.1%}", *spent) in findings() & readme()
    areas = told["arms"]["learned"]["auroc"]
    chance, gain = areas["chance of a flaw"][1:], areas["learned"][1:]
    single = {name: areas[name][1:] for name in SCORES if name in areas}
    best = max(single, key=lambda name: fmean(single[name]))
    reached = sum(c >= max(values) for c, *values in zip(chance, *single.values(), strict=True))
    means = [f"{fmean(chance):.3f}", f"{fmean(gain):.3f}", f"{best}, {fmean(single[best]):.3f}"]
    assert row(task, *means, f"{reached} of {len(chance)}") in findings()


def test_what_would_be_cheaper_still() -> None:
    _, held = tables(load_results(ROOT / "studies" / "results" / "sharper.json"))
    assert {row(*cells) for cells in (held.header, *held.rows)} <= findings()
