"""The pictures of the README: the first screen of a run's report, and one of its explanations (`make screenshots`)."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from elad.ledger import Ledger
from elad.report import write_report

TO = Path("docs/images")


def main(run: Path) -> None:
    """Look at the report of a run as a browser shows it."""
    with Ledger(run, read_only=True) as ledger:
        address = write_report(ledger).resolve().as_uri()
    TO.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        )
        page = browser.new_page(viewport={"width": 1200, "height": 760})
        page.goto(address)
        page.screenshot(path=TO / "first-screen.png")
        page.locator("#explanations").scroll_into_view_if_needed()
        page.wait_for_selector("#list .row")
        page.select_option("[name=verdict]", label="repaired")
        page.select_option("[name=flaw]", label="step 2")
        page.select_option("[name=sort]", label="doubt, most first")
        page.locator("#list .row").nth(3).click()
        page.check("[name=figures]")
        page.evaluate("scrollTo({top: document.getElementById('explanations').offsetTop - 50, behavior: 'instant'})")
        page.screenshot(path=TO / "explanation.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
