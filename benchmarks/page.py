"""How quick a report is in a browser, with few explanations and with many: benchmarks/results/page.json."""

import json
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from tests.made_runs import made_annotation, made_run
from timing import spread, timed

from elad.ledger import Ledger
from elad.report import write_report

RESULTS = Path(__file__).parent / "results" / "page.json"
FEW, MANY = 1_000, 20_000
TURNS = 5

# the time until the page has taken it in and drawn it, in milliseconds
_DRAWN = """async (act) => {
    const frame = () => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    await frame();
    const began = performance.now();
    eval(act);
    await frame();
    return performance.now() - began;
}"""
_TYPE = """(() => { const field = document.querySelector('[name=text]'); field.value = '%s';
    field.dispatchEvent(new Event('input', { bubbles: true })); })()"""
_ACTS = {
    "a letter typed into the search, ms": _TYPE % "9",
    "the next explanation, ms": "document.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true }))",
    "sorted by doubt, ms": """(() => { const sort = document.querySelector('[name=sort]'); sort.selectedIndex = 1;
        sort.dispatchEvent(new Event('input', { bubbles: true })); })()""",
    "scrolled to the end, ms": "document.getElementById('list').scrollTop = 1e9",
}

_VOCABULARY = ["".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=3 + n % 7)) for n in range(10_000)]


def measured(browser: Browser, count: int, folder: Path) -> dict[str, Any]:
    """A report of so many explanations of three steps, of some 50 words each: its size, and how long a reader waits."""
    drawn, size = random.Random(0), count // 10
    rounds = [
        [made_annotation(n, _words(drawn)) for n in range(start, start + size)] for start in range(0, count, size)
    ]
    run = made_run(folder / str(count), rounds)
    with Ledger(run, read_only=True) as ledger:
        writing = timed(lambda: write_report(ledger))
        file = write_report(ledger)
    turns = [_turn(browser, file.as_uri()) for _ in range(TURNS)]
    return {
        "bytes": file.stat().st_size,
        "written, s": round(writing, 2),
        **{name: spread([turn[name] for turn in turns]) for name in turns[0]},
    }


def _words(drawn: random.Random) -> str:
    return " ".join(drawn.choices(_VOCABULARY, k=50))


def _turn(browser: Browser, address: str) -> dict[str, float]:
    page = browser.new_page(bypass_csp=True, viewport={"width": 1280, "height": 900})
    opening = timed(lambda: page.goto(address))
    explaining = timed(lambda: _look_at_explanations(page))
    found = {name: float(page.evaluate(_DRAWN, act)) for name, act in _ACTS.items()}
    page.close()
    return {"opened, ms": 1000 * opening, "its explanations shown, ms": 1000 * explaining, **found}


def _look_at_explanations(page: Page) -> None:
    page.evaluate("document.getElementById('explanations').scrollIntoView({ behavior: 'instant' })")
    page.wait_for_selector("#list .row")


def main() -> None:
    """Measure, and write the results."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        few, many = (measured(browser, count, Path(folder)) for count in (FEW, MANY))
        told = {"browser": browser.version, "explanations": {str(FEW): few, str(MANY): many}}
        browser.close()
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
