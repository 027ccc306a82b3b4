"""The view: the pages of runs, live, in a real browser; and who is not let in."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser

from elad.ledger import FILE
from elad.recipe import Recipe
from tests.browser import Tab, findings
from tests.made_runs import HOSTILE, made_annotation, made_run
from tests.viewing import Served, asked, run_in_background


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("view") / "run", [[made_annotation(n) for n in range(1, 9)]])


@pytest.fixture(scope="module")
def served(run: Path) -> Iterator[Served]:
    with Served("view", run) as view:
        yield view


def test_who_has_the_address_is_let_in_and_nobody_else(served: Served) -> None:
    address, port = served.address, served.port
    status, page, headers = asked(f"{address}runs/0/")
    assert (status, "Where it stands" in page) == (200, True)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    here = f"http://127.0.0.1:{port}"
    for wrong in (
        "/",
        "/runs/0/",
        "/x/runs/0/",
        f"{address[len(here) : -2]}/runs/0/",
        f"{address[len(here) : -1]}x/runs/0/",
    ):
        assert asked(here + wrong)[0] == 403, wrong
    for host in ("elad.example", f"elad.example:{port}", "127.0.0.1.elad.example", "", f"10.0.0.1:{port}"):
        assert asked(f"{address}runs/0/", Host=host)[0] == 403, host
    assert asked(f"{address}runs/0/", Host=f"localhost:{port}")[0] == 200
    for origin in ("http://elad.example", "null", "https://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"):
        assert asked(f"{address}runs/0/events", Origin=origin)[0] == 403, origin
        assert asked(f"{address}runs/0/people/look", {"person": "x"}, Origin=origin)[0] == 403, origin
    assert asked(f"{address}runs/0/people/look", {"person": "x"})[0] == 403, "no page of ours says nothing of itself"


def test_what_is_not_there_is_said(served: Served) -> None:
    for path in (
        "page.py",
        "../page.css",
        "%2e%2e/page.css",
        "runs/1/",
        "runs/x/",
        "runs/-1/",
        "runs/0/explanations/x",
    ):
        status, text, headers = asked(served.address + path)
        assert (status, "Traceback" in text) == (404, False), path
        assert "Content-Security-Policy" in headers
    assert asked(f"{served.address}runs/0/explanations/99")[0] == 200
    here = f"http://127.0.0.1:{served.port}"
    said = asked(f"{served.address}runs/0/people/look", {"person": "x"}, Origin=here)
    assert (said[0], "Nobody is asked anything" in said[1]) == (400, True)
    assert asked(f"{served.address}runs/0/people/drop", {"person": "x"}, Origin=here)[0] == 404


def test_it_writes_nothing(served: Served, run: Path) -> None:
    before = sorted((file.name, file.stat().st_size) for file in run.iterdir() if not file.name.startswith(FILE))
    asked(f"{served.address}runs/0/")
    assert sorted((f.name, f.stat().st_size) for f in run.iterdir() if not f.name.startswith(FILE)) == before


def test_every_page_is_whole_and_asks_nobody_else(browser: Browser, served: Served) -> None:
    with Tab(browser, served.address) as tab:
        tab.until("document.getElementById('connection').textContent === 'live'")
        tab.page.locator("#explanations").scroll_into_view_if_needed()
        tab.until("document.getElementById('found').textContent === '9 of 9 explanations'")
        assert tab.complaints == []
        assert all(url.startswith((served.address, "data:")) for url in tab.requests)
        assert findings(tab.page) == []
        assert [item for item in tab.page.locator("#revisions li a").all_inner_texts() if item.startswith("What is")]
        tab.page.locator("#revisions li a").first.click()
        assert tab.text("#detail h3").startswith(("made/", "lost/"))


def test_a_run_is_seen_to_go_on(browser: Browser, recipe: Recipe, tmp_path: Path) -> None:
    file, folder = tmp_path / "slow.yaml", tmp_path / "run"
    file.write_text(yaml.safe_dump({**recipe.resolved(), "name": "slow"}))
    running = run_in_background(file, folder, "teacher.latency=0.8", "teacher.concurrency=1")
    try:
        until_told(folder)
        with Served("view", folder) as view, Tab(browser, view.address) as tab:
            tab.until("document.getElementById('facts').innerText.includes('running, in round 2')")
            tab.until("document.getElementById('facts').innerText.includes('ask: ')")
            tab.until("document.querySelectorAll('#revisions li').length > 0")
            tab.until("document.getElementById('facts').innerText.includes('all 3 rounds are run')")
            tab.until("document.querySelectorAll('#rounds tbody tr').length > 3")
            tab.page.locator("#explanations").scroll_into_view_if_needed()
            tab.until("document.getElementById('found').textContent === '9 of 9 explanations'")
            assert tab.complaints == []
    finally:
        running.kill()
        running.communicate()


def test_what_can_t_be_fetched_is_said_and_tried_again(browser: Browser, run: Path) -> None:
    with Served("view", run) as view, Tab(browser, view.address) as tab:
        tab.until("document.getElementById('connection').textContent === 'live'")
        tab.page.route("**/explanations/1", lambda route: route.abort())
        tab.page.locator("#explanations").scroll_into_view_if_needed()
        tab.until("document.getElementById('found').textContent.startsWith('The explanations can')")
        tab.page.unroute("**/explanations/1")
        tab.page.locator("#revisions li a").first.click()
        tab.until("document.getElementById('found').textContent === '9 of 9 explanations'")
        assert tab.text("#detail h3").startswith(("made/", "lost/"))


def until_told(folder: Path) -> None:
    """Wait until a run has written its recipe."""
    for _ in range(600):
        if (folder / "recipe.yaml").exists():
            return
        time.sleep(0.05)
    raise AssertionError("the run never began")


def test_runs_are_laid_over_one_another(browser: Browser, run: Path, tmp_path: Path) -> None:
    other = made_run(tmp_path / "other", [[made_annotation(n) for n in range(1, 5)]] * 1)
    with Served("view", run, other) as view, Tab(browser, view.address) as tab:
        tab.until("document.getElementById('connection').textContent === 'live'")
        assert tab.page.locator("#overlay tbody th a").all_inner_texts() == [str(run), str(other)]
        assert "2 seeds" in tab.page.locator("#overlay figure details").inner_html(), (
            "one recipe: one curve with its band"
        )
        assert findings(tab.page) == []
        tab.page.locator("#overlay tbody th a").last.click()
        tab.until("document.getElementById('connection').textContent === 'live'")
        assert str(other) in tab.text("main")
        assert tab.complaints == []


def test_hostile_texts_stay_texts_live(browser: Browser, tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", [[made_annotation(n, text, domain=text[:50]) for n, text in enumerate(HOSTILE)]])
    with Served("view", run) as view, Tab(browser, view.address) as tab:
        tab.until("document.querySelectorAll('#revisions li').length > 0")
        tab.page.locator("#explanations").scroll_into_view_if_needed()
        tab.until("document.getElementById('found').textContent.includes(' of ')")
        assert tab.page.locator("main script, main img").count() == 0
        assert tab.complaints == []
        assert "\u202e" not in tab.page.evaluate("document.body.innerText")


def test_it_ends_with_ctrl_c_while_somebody_looks(browser: Browser, run: Path) -> None:
    view = Served("view", run)
    with Tab(browser, view.address) as tab:
        tab.until("document.getElementById('connection').textContent === 'live'")
        assert view.end() == (0, "")
        tab.until("document.getElementById('connection').textContent.includes('does not answer')")


def test_what_can_t_be_served_is_said(run: Path, tmp_path: Path, served: Served) -> None:
    for arguments, code, word in (
        ((tmp_path,), 4, "is no run folder"),
        ((run, "--host", "192.0.2.1"), 2, "can't be listened at"),
        ((run, "--host", "no.such.host.example"), 2, "can't be listened at"),
        ((run, "--port", served.port), 2, "can't be listened at"),
    ):
        done = command("view", *arguments)
        assert (done.returncode, word in done.stderr, "Traceback" in done.stderr) == (code, True, False), done


def command(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "elad", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
