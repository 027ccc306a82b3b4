"""The report as data and as text: the first screen, in any terminal, whatever anybody has said."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from elad.annotate import Bought
from elad.cli.common import print_facts
from elad.evaluate import Score
from elad.ledger import Ledger
from elad.progress import counter, heard_by
from elad.recipe import Recipe
from elad.report import Told, facts, markdown, now, summary
from elad.report.facts import duration
from elad.text import visible
from tests.made_runs import HOSTILE, made_annotation, made_run
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
    letters = re.sub(r"\s", "", told)
    assert all(re.sub(r"\s", "", text) in letters for fact in expected for text in (fact.value, *fact.details))


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
    annotations = [made_annotation(n, text, domain=text[:50]) for n, text in enumerate(HOSTILE, start=1)]
    run = made_run(tmp_path / "run", [annotations], unusable=HOSTILE[7] + HOSTILE[6])
    for verb in (("status",), ("report", "--markdown"), ("report", "--json"), ("status", "--json")):
        told = elad(verb[0], run, *verb[1:])
        assert not set(told) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\x00"}, verb
        if verb[-1] == "--json":
            assert json.loads(told)["set_aside"][0]["reason"] == HOSTILE[7] + HOSTILE[6], "and nothing is lost of it"


def test_a_text_is_made_visible() -> None:
    assert visible("a\tb\nc é 漢 🙂") == "a\tb\nc é 漢 🙂"
    assert visible("\x1b[31m \u202e \ud800 \r") == "\\u001b[31m \\u202e \\ud800 \\u000d"


def test_what_the_last_round_bought(run: Path) -> None:
    with Ledger(run, read_only=True) as ledger:
        told = summary(ledger)
    (bought,) = [fact.value for fact in facts(told) if fact.name == "last round bought"]
    assert bought == "+1.0 points [-13, +15] of held-out accuracy for 220 tokens"


def test_what_the_next_round_is_expected_to_buy(run: Path) -> None:
    with Ledger(run, read_only=True) as ledger:
        told = summary(ledger)
    expected = told["forecast"]
    low, high = expected["gain"]["interval"]
    assert 0 <= low < expected["gain"]["points"] < high
    assert (expected["unit"], expected["cost"]) == ("calls", 5)
    (buys,) = [fact.value for fact in facts(told) if fact.name == "next would buy"]
    assert re.match(
        r"\+\d\.\d points \[\+0\.\d, \+\d\.\d\] of held-out accuracy for about 5 calls: \d\.\d a point$", buys
    )


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
    one, other = (Score(right=right, total=total) for right, total in (before, after))
    assert other.gain_over(one) == pytest.approx(expected, abs=5e-5)


def test_times_are_said_as_people_say_them() -> None:
    assert [duration(seconds) for seconds in (0.4, 99, 170, 5999, 9000)] == ["0 s", "99 s", "3 min", "100 min", "2.5 h"]


def test_rounds_that_are_over_are_told_once_unless_they_are_amended(run: Path) -> None:
    before: Told = {}
    with Ledger(run) as ledger:
        first = summary(ledger, before)
        assert first == summary(ledger)
        for told in before.values():
            told["marked"] = True
        assert all("marked" in told for told in summary(ledger, before)["rounds"])
        bought = ledger.traced(2, "annotate", Bought)
        assert bought
        ledger.amend(2, {"annotate": bought.model_copy(update={"annotations": bought.annotations[:1]})}, [])
        again = summary(ledger, before)["rounds"]
    assert [round["asked"] for round in again] == [0, 9, 2]
    assert not any("marked" in round for round in again)


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


def test_a_pace_is_of_what_this_process_did(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.clock.round = 1
        ledger.clock.heard("attempt", 512, 1024, 0, 0.000001)  # a resume finds half of it done
        with ledger.write() as db:
            ledger.clock.write(db)
        assert ledger.clock.spells()[0].left is None
        ledger.clock.heard("attempt", 532, 1024, 20, 10.0)
        with ledger.write() as db:
            ledger.clock.write(db)
        assert ledger.clock.spells()[0].left == pytest.approx(246)


def test_two_threads_are_heard_of_in_rounds_of_their_own(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:

        def work(number: int) -> None:
            ledger.clock.round = number
            for done in range(2000):
                ledger.clock.heard("ask", done + 1, 2000, 1, 0.001)
                if done % 100 == 0:
                    with ledger.write() as db:
                        ledger.clock.write(db)

        threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with ledger.write() as db:
            ledger.clock.write(db)
        spells = ledger.clock.spells()
    assert [(spell.round, spell.done) for spell in spells] == [(1, 2000), (2, 2000)]
    assert [spell.seconds for spell in spells] == pytest.approx([2.0, 2.0])


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


def test_a_report_takes_the_place_of_nothing_but_a_report(run: Path, tmp_path: Path) -> None:
    ledger = (run / "ledger.sqlite").read_bytes()
    (tmp_path / "mine.html").write_text("<!doctype html><p>mine")
    (tmp_path / "empty.html").touch()
    (tmp_path / "link.html").symlink_to(tmp_path / "linked.html")
    for wrong in (run / "ledger.sqlite", tmp_path / "mine.html", tmp_path, Path("/dev/null"), Path("")):
        done = subprocess.run(
            [sys.executable, "-m", "elad", "report", str(run), "--to", str(wrong)], capture_output=True, text=True
        )
        assert (done.returncode, "Traceback" in done.stderr, "name another file" in done.stderr) == (2, False, True), (
            wrong
        )
    assert (run / "ledger.sqlite").read_bytes() == ledger
    assert sorted(tmp_path.glob(".*")) == []
    for right in ("empty.html", "link.html", "new.html", "new.html"):
        elad("report", run, "--to", tmp_path / right)
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "linked.html").read_bytes() == (tmp_path / "new.html").read_bytes()
