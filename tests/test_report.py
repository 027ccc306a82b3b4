"""The report as data and as text: the first screen, in any terminal, whatever anybody has said."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from elad.cli.common import print_facts
from elad.ledger import Ledger
from elad.progress import counter, heard_by
from elad.recipe import Recipe
from elad.report import Remembered, facts, markdown, now, summary
from elad.report.facts import difference, span
from elad.text import visible
from tests.made_runs import made_annotation, made_run
from tests.test_page import HOSTILE
from tests.viewing import run_in_background


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return made_run(
        tmp_path / "run", [[made_annotation(n) for n in range(1, 9)], [made_annotation(n) for n in (9, 10)]]
    )


def elad(*arguments: object, **environment: str) -> str:
    command = [sys.executable, "-m", "elad", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **environment})
    return done.stdout


def test_the_first_screen_fits_eighty_columns_without_colour(run: Path) -> None:
    told = elad("status", run, COLUMNS="80", NO_COLOR="1", FORCE_COLOR="")
    assert "\x1b" not in told
    assert max(map(len, told.splitlines())) <= 80
    with Ledger(run, read_only=True) as ledger:
        expected = facts(summary(ledger), now(ledger))
    flat = " ".join(told.split())
    for fact in expected:
        assert " ".join(fact.value.split())[:40].replace(str(run)[:40], "") in flat, fact
    assert "together 12: all rows that came in" in flat


def test_a_terminal_of_any_width_shows_all_of_it(run: Path) -> None:
    with Ledger(run, read_only=True) as ledger:
        expected = facts(summary(ledger), now(ledger))
    for width in (40, 80, 200):
        page = io.StringIO()
        print_facts(expected, Console(file=page, width=width))
        lines = page.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        letters = re.sub(r"\s", "", page.getvalue())
        assert all(re.sub(r"\s", "", fact.value) in letters for fact in expected if width > 40)


def test_nothing_that_was_said_acts_on_a_terminal(tmp_path: Path) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in HOSTILE]
    annotations = [made_annotation(n, text, domain=text[:50]) for n, text in enumerate(texts, start=1)]
    run = made_run(tmp_path / "run", [annotations], unusable=texts[7] + texts[6])
    for verb in (("status",), ("report", "--markdown"), ("report", "--json"), ("status", "--json")):
        told = elad(verb[0], run, *verb[1:])
        assert not set(told) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x00"}, verb
        if verb[-1] == "--json":
            assert json.loads(told)["set_aside"][0]["reason"] == texts[7] + texts[6], "and nothing is lost of it"


def test_a_text_is_made_visible() -> None:
    assert visible("a\tb\nc é 漢 🙂") == "a\tb\nc é 漢 🙂"
    assert visible("\x1b[31m \u202e \ud800 \r") == "\\u001b[31m \\u202e \\ud800 \\u000d"


def test_what_the_last_round_bought(run: Path) -> None:
    with Ledger(run, read_only=True) as ledger:
        told = summary(ledger)
    (bought,) = [fact.value for fact in facts(told) if fact.name == "last round bought"]
    assert bought == "+1.0 points [-13, +15] of held-out accuracy for 220 tokens"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # Newcombe (1998), table II, method 10: 56/70 - 48/80, 9/10 - 3/10 and 10/10 - 0/20
        ((48, 80), (56, 70), (0.2, 0.0524, 0.3339)),
        ((3, 10), (9, 10), (0.6, 0.1705, 0.8090)),
        ((0, 20), (10, 10), (1.0, 0.6791, 1.0)),
    ],
)
def test_the_interval_of_a_gain_is_newcombe_s(
    before: tuple[int, int], after: tuple[int, int], expected: tuple[float, float, float]
) -> None:
    from elad.evaluate import Score

    one, other = (Score(right=right, total=total) for right, total in (before, after))
    told = [{"share": score.share, "interval": list(score.interval())} for score in (one, other)]
    assert difference(*told) == pytest.approx(expected, abs=5e-5)


def test_times_are_said_as_people_say_them() -> None:
    assert [span(seconds) for seconds in (0.4, 99, 170, 5999, 9000)] == ["0 s", "99 s", "3 min", "100 min", "2.5 h"]


def test_rounds_that_are_over_are_told_once(run: Path) -> None:
    remembered: Remembered = {}
    with Ledger(run, read_only=True) as ledger:
        first = summary(ledger, remembered)
        kept = dict(remembered)
        assert summary(ledger, remembered) == first == summary(ledger)
        assert remembered == kept
        assert len(kept) == 3


def test_markdown_says_the_same_as_the_first_screen(run: Path) -> None:
    with Ledger(run, read_only=True) as ledger:
        told = summary(ledger)
    text = markdown(told)
    for fact in facts(told):
        assert f"- {fact.name}: {fact.value}\n" in text
        assert all(f"    - {detail}\n" in text for detail in fact.details)


def test_the_clock_counts_all_work_also_what_was_broken_off(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger, heard_by(ledger.clock.heard):
        ledger.clock.round = 2
        with counter("train", 10) as tick:
            for _ in range(4):
                time.sleep(0.01)
                tick()
        with ledger.write() as db:
            ledger.clock.write(db)
        with counter("train", 10, 4) as tick:
            for _ in range(6):
                time.sleep(0.01)
                tick()
        with ledger.write() as db:
            ledger.clock.write(db)
        (spell,) = ledger.clock.spells()
        assert (spell.round, spell.work, spell.done, spell.total) == (2, "train", 10, 10)
        assert 0.1 <= spell.seconds < 5
        assert spell.left == 0
        assert 0 < spell.pace <= 100


def test_what_a_run_is_doing_is_known_while_it_runs_and_once_it_was_killed(recipe: Recipe, tmp_path: Path) -> None:
    file, folder = tmp_path / "slow.yaml", tmp_path / "run"
    file.write_text(yaml.safe_dump({**recipe.resolved(), "name": "slow"}))
    running = run_in_background(file, folder, "teacher.latency=3", "teacher.concurrency=1")
    try:
        doing: dict[str, Any] = {"running": False, "work": [], "calls_under_way": 0}
        until = time.monotonic() + 60
        while not (doing["work"] and doing["calls_under_way"]) and time.monotonic() < until:
            time.sleep(0.1)
            if (folder / "recipe.yaml").exists():
                with Ledger(folder, read_only=True) as ledger:
                    doing = now(ledger)
        assert (doing["running"], doing["round"], doing["calls_under_way"]) == (True, 1, 1)
        assert [work["work"] for work in doing["work"]] == ["ask"]
    finally:
        running.send_signal(signal.SIGKILL)
        running.communicate()
    with Ledger(folder, read_only=True) as ledger:
        assert now(ledger)["running"] is False
        assert "not running" in next(
            fact.value for fact in facts(summary(ledger), now(ledger)) if fact.name == "stands"
        )
