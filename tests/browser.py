"""The machine's Chromium, and what it says of a page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
]  # fmt: skip


@contextmanager
def chromium() -> Iterator[Browser]:
    """It, headless; where there is none, the test is skipped."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium, or name one in CHROMIUM)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


class Tab:
    """An open page, with what it complained of and whom it asked; in a session of its own, or `beside` another."""

    def __init__(self, browser: Browser, address: str, beside: "Tab | None" = None, **looks: Any) -> None:
        self._beside = beside
        self._context: BrowserContext = beside._context if beside else browser.new_context(**looks)
        self.page: Page = self._context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._beside:
            self.page.close()
        else:
            self._context.close()

    def text(self, selector: str) -> str:
        """What the first of such elements says."""
        return self.page.locator(selector).first.inner_text()

    def until(self, expression: str, seconds: float = 30) -> None:
        """Wait until an expression of JavaScript is true."""
        # not `wait_for_function`: its polling needs eval, which the page's policy refuses
        for _ in range(int(seconds * 20)):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{expression} never came true; the page says: {self.page.inner_text('main')[:2000]}")


def findings(page: Page) -> list[str]:
    """What axe-core holds against a page that is serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]
