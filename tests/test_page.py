"""The report as a page: one file, opened from the disk by a real browser."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from elad.ledger import Ledger
from elad.report import facts, now, summary, write_report
from elad.report import html as pages
from elad.text import visible
from tests.browser import Tab, findings
from tests.made_runs import HOSTILE, made_annotation, made_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rounds of twelve, of two domains."""
    rounds = [
        [made_annotation(n, domain="even" if n % 2 == 0 else "odd") for n in range(start, start + 12)]
        for start in (1, 13)
    ]
    return made_run(tmp_path_factory.mktemp("page") / "run", rounds)


def written(run: Path, to: Path) -> str:
    with Ledger(run, read_only=True) as ledger:
        return write_report(ledger, to).as_uri()


def opened(browser: Browser, address: str, **looks: Any) -> Tab:
    tab = Tab(browser, address, **looks)
    tab.page.locator("#explanations").scroll_into_view_if_needed()
    tab.until("document.getElementById('found').textContent.includes(' of ')")
    return tab


def test_it_opens_from_the_disk_without_a_complaint_or_a_request(browser: Browser, run: Path, tmp_path: Path) -> None:
    address = written(run, tmp_path / "report.html")
    with opened(browser, address) as tab:
        assert tab.complaints == []
        assert [url for url in tab.requests if not url.startswith("data:")] == [address]


def test_the_first_screen_says_what_the_terminal_says(browser: Browser, run: Path, tmp_path: Path) -> None:
    with Ledger(run, read_only=True) as ledger:
        told = summary(ledger)
        expected = facts(told, now(ledger))
    with opened(browser, written(run, tmp_path / "report.html")) as tab:
        shown = tab.text("#facts")
        for fact in expected:
            assert fact.value in shown
        counts = [int(count.replace(",", "")) for count in tab.page.locator("#states .count").all_inner_texts()]
        assert sum(counts) == sum(told["questions"].values()) == 26
        assert "Together 26" in tab.text("#states")
        assert tab.page.locator("#curve svg").count() == 1


def test_every_drawing_has_its_numbers_in_a_table(browser: Browser, run: Path, tmp_path: Path) -> None:
    with opened(browser, written(run, tmp_path / "report.html")) as tab:
        figures = tab.page.locator("figure")
        assert figures.count() >= 5
        for figure in figures.all():
            assert figure.locator("svg").count() == 1
            figure.locator("summary").click()
            assert figure.locator("tbody tr").count() >= 1


def test_filters_sorting_and_links(browser: Browser, run: Path, tmp_path: Path) -> None:
    address = written(run, tmp_path / "report.html")
    with opened(browser, address) as tab:
        page, found = tab.page, partial(tab.text, "#found")
        assert found() == "26 of 26 explanations"
        page.select_option("[name=round]", label="round 2")
        assert found() == "13 of 26 explanations"
        page.select_option("[name=verdict]", label="accepted")
        assert found() == "4 of 26 explanations"
        page.select_option("[name=verdict]", label="repaired")
        page.select_option("[name=domain]", label="odd")
        page.select_option("[name=flaw]", label="step 2")
        assert found() == "4 of 26 explanations"
        page.fill("[name=text]", "WRONG IN 13")
        assert found() == "1 of 26 explanations"
        page.locator("#list .row").click()
        assert "First flaw: step 2" in tab.text("#detail")
        assert "wrong in 13" in tab.text("#detail")
        assert "".join(page.locator("#detail ins").all_inner_texts()) == "thenItisdone."
        link = page.url
        page.select_option("[name=state]", label="unusable")
        page.fill("[name=text]", "")
        assert found() == "0 of 26 explanations"
    assert re.search(r"#explanation/2/made%2F00013$", link)
    with opened(browser, link) as tab:
        assert tab.text("#detail h3").startswith("made/00013")


def test_everything_goes_by_keys(browser: Browser, run: Path, tmp_path: Path) -> None:
    with opened(browser, written(run, tmp_path / "report.html")) as tab:
        keys = tab.page.keyboard
        keys.press("j")
        keys.press("j")
        first = tab.text("#detail h3")
        keys.press("k")
        assert tab.text("#detail h3") != first
        tab.page.focus("#list")
        keys.press("End")
        assert tab.page.locator("#list [aria-selected=true]").get_attribute("aria-posinset") == "26"
        assert not tab.page.locator("#detail .in-figures").first.is_visible()
        keys.press("Home")
        keys.press("d")
        assert "entropy" in tab.text("#detail .in-figures")
        keys.press("/")
        keys.type("00013")
        assert tab.text("#found") == "1 of 26 explanations"


def test_the_same_question_is_followed_through_the_rounds(browser: Browser, run: Path, tmp_path: Path) -> None:
    with opened(browser, written(run, tmp_path / "report.html") + "#explanation/1/made%2F00001") as tab:
        assert "round 1, after training" in tab.text("#detail")


@pytest.mark.parametrize("looks", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 360, "height": 740}}], ids=str)
def test_it_is_made_for_everyone(browser: Browser, run: Path, tmp_path: Path, looks: dict[str, object]) -> None:
    with opened(browser, written(run, tmp_path / "report.html"), **looks) as tab:
        assert findings(tab.page) == []
        assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing scrolls sideways"


def test_it_prints_on_paper(browser: Browser, run: Path, tmp_path: Path) -> None:
    with opened(browser, written(run, tmp_path / "report.html")) as tab:
        tab.page.emulate_media(media="print")
        assert not tab.page.locator(".filters").is_visible()
        assert tab.page.locator("#detail").is_visible()


def test_hostile_texts_stay_texts(browser: Browser, tmp_path: Path) -> None:
    annotations = [made_annotation(n, text, domain=text[:50]) for n, text in enumerate(HOSTILE, start=1)]
    run = made_run(tmp_path / "run", [annotations], unusable=HOSTILE[0] + HOSTILE[6])
    with opened(browser, written(run, tmp_path / "report.html")) as tab:
        assert tab.text("#found") == f"{len(HOSTILE) + 1} of {len(HOSTILE) + 1} explanations"
        for _ in HOSTILE:
            tab.page.keyboard.press("j")
            assert tab.page.locator("#detail script, #detail img").count() == 0
        tab.page.locator("summary").first.click()
        assert tab.complaints == []
        shown = tab.page.evaluate("document.body.innerText")
        assert "\u202e" not in shown
        assert "\x1b" not in shown
        assert len([url for url in tab.requests if not url.startswith("data:")]) == 1


@pytest.mark.slow
def test_twenty_thousand_explanations_are_one_file_and_a_few_rows(browser: Browser, tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", [[made_annotation(n) for n in range(20_000)]])
    address = written(run, tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 25 * 10**6
    with opened(browser, address) as tab:
        assert tab.text("#found") == "20,001 of 20,001 explanations"
        assert tab.page.locator("#list .row").count() < 50
        tab.page.fill("[name=text]", "wrong in 19999")
        assert tab.text("#found") == "1 of 20,001 explanations"


def test_what_makes_a_file_too_large_is_named_and_shown_live(
    browser: Browser, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_MOST", 1500)
    with opened(browser, written(run, tmp_path / "report.html")) as tab:
        assert tab.text("#found") == "13 of 13 explanations"
        assert f"`elad view {run}` shows them all" in tab.text("#explanations .notice")


def test_every_id_has_a_link(browser: Browser, tmp_path: Path) -> None:
    ids = ["q(11)'!*", "a/b c%2F?#&", "ü漢🙂", "50%"]
    annotations = [made_annotation(n) for n, _ in enumerate(ids)]
    named = [
        annotation.model_copy(update={"question": annotation.question.model_copy(update={"id": id})})
        for annotation, id in zip(annotations, ids, strict=True)
    ]
    address = written(made_run(tmp_path / "run", [named]), tmp_path / "report.html")
    with opened(browser, address) as tab:
        for id in ids:
            tab.page.fill("[name=text]", id)
            tab.page.locator("#list .row").first.click()
            with Tab(browser, tab.page.url) as linked:
                linked.until("document.querySelector('#detail h3') !== null")
                assert linked.text("#detail h3") == id


def test_the_page_and_the_terminal_name_the_same_characters(browser: Browser, run: Path, tmp_path: Path) -> None:
    with Tab(browser, written(run, tmp_path / "report.html")) as tab:
        named = tab.page.evaluate(
            "[...Array(65536).keys()].filter((code) => visible(String.fromCharCode(code)).length > 1)"
        )
    assert named == [code for code in range(65536) if len(visible(chr(code))) > 1]


def test_filters_that_filter_nothing_are_hidden_and_keys_can_be_switched_off(
    browser: Browser, run: Path, tmp_path: Path
) -> None:
    with Ledger(run, read_only=True) as ledger:
        address = write_report(ledger, tmp_path / "report.html").as_uri()
    with opened(browser, address) as tab:
        assert tab.page.locator("[name=round]").is_visible()
        tab.page.uncheck("[name=keys]")
        tab.page.keyboard.press("j")
        before = tab.text("#detail h3")
        tab.page.keyboard.press("j")
        assert tab.text("#detail h3") == before
    one = made_run(tmp_path / "one", [[made_annotation(3)]])
    with opened(browser, written(one, tmp_path / "one.html")) as tab:
        assert not tab.page.locator("[name=round]").is_visible()
