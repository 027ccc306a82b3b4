"""A person at the desk: the queue of questions in a real browser, with two people, two tabs, and a server that dies."""

import json
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Route

from elad.ledger import Ledger
from elad.people import People, Task
from elad.recipe import Recipe
from elad.report import annotations, facts, summary
from tests.browser import Tab, findings
from tests.made_runs import made_annotation, made_run
from tests.viewing import Served, run_in_background

RUDE = "<img src=x onerror=alert(1)> \u202egnp \x1b[2J"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four questions wait for people."""
    folder = made_run(tmp_path / "run", [[made_annotation(n) for n in range(1, 13)]])
    tasks = [
        Task(
            key=f"call {n}",
            group="round 2",
            form="revise",
            content={"question": f"Question {n}? {RUDE}", "steps": [f"{n} + 1 = 3.", RUDE], "answer": "3"},
        )
        for n in range(4)
    ]
    with People(folder) as people:
        people.put(tasks)
    return folder


class Seat(Tab):
    """A person in front of the page."""

    def __init__(self, browser: Browser, view: Served, person: str, beside: Tab | None = None) -> None:
        page = view.address if "people" in view.address else f"{view.address}runs/0/people/"
        super().__init__(browser, page, beside=beside)
        if beside is None:
            self.page.fill("[name=person]", person)
            self.page.click("text=Begin")
        self.has_a_task()

    def has_a_task(self) -> str:
        """Its question, once there is one."""
        self.until("document.querySelector('#task .question, #task > p') !== null")
        return self.text("#task .question, #task > p")

    def answers(self, *keys: str) -> None:
        """Press keys, and wait for what comes next."""
        before = self.has_a_task()
        for key in keys:
            self.page.keyboard.press(key)
        self.page.keyboard.press("Control+Enter")
        self.until(f"document.querySelector('#task .question, #task > p')?.innerText !== {json.dumps(before)}")

    def saved(self, people: People, person: str, **draft: str) -> None:
        """Wait until the server has what was written."""
        for _ in range(200):
            claim = people.claim(person)
            if claim and {**claim.draft, **draft} == claim.draft:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{draft} was never kept")


def test_two_people_share_the_queue_and_each_question_is_one_s(browser: Browser, run: Path) -> None:
    with Served("view", run) as view, Seat(browser, view, "Ada") as ada, Seat(browser, view, "Ben") as ben:
        assert ada.has_a_task() != ben.has_a_task()
        ada.answers("a")
        ben.answers("a")
        assert ada.has_a_task() != ben.has_a_task()
        ada.answers("a")
        ben.answers("a")
        ada.until("document.getElementById('standing').innerText.includes('4 of 4 answered (Ada 2, Ben 2)')")
        assert findings(ada.page) == []
        assert ada.complaints == ben.complaints == []
    with People(run) as people:
        answered = people.answered()
        assert len({claim.task.key for claim in answered}) == len(answered) == 4


def test_a_repair_is_written_by_keys_alone_and_can_be_taken_back(browser: Browser, run: Path) -> None:
    with Served("view", run) as view, Seat(browser, view, "Ada") as seat:
        question, keys = seat.has_a_task(), seat.page.keyboard
        keys.press("2")
        keys.type("this says nothing")
        keys.press("Tab")
        keys.type("0 + 1 = 1.")
        keys.press("Enter")
        keys.type("So it is 1.")
        keys.press("Tab")
        keys.type("1")
        keys.press("Control+Enter")
        seat.until("document.querySelectorAll('#mine li').length === 1")
        with People(run) as people:
            (claim,) = people.undoable("Ada", 9)
            assert json.loads(claim.reply or "") == {
                "flaw": 2, "why": "this says nothing", "steps": ["0 + 1 = 1.", "So it is 1."], "answer": "1",
            }  # fmt: skip
            seat.page.click("[data-undo]")
            seat.until("document.querySelectorAll('#mine li').length === 0")
            assert seat.has_a_task() == question
            assert seat.page.input_value("[name=steps]") == "0 + 1 = 1.\nSo it is 1."
            assert people.undoable("Ada", 9) == []


def test_keys_that_are_pressed_too_often_answer_once(browser: Browser, run: Path) -> None:
    with Served("view", run) as view, Seat(browser, view, "Ada") as seat:
        first = seat.has_a_task()
        seat.page.keyboard.press("a")
        for _ in range(3):
            seat.page.keyboard.press("Control+Enter")
        seat.until(f"document.querySelector('#task .question, #task > p')?.innerText !== {json.dumps(first)}")
        seat.page.wait_for_timeout(1000)
        with People(run) as people:
            assert len(people.undoable("Ada", 9)) == 1
        assert not seat.page.locator("#notice").is_visible() or "Say whether" in seat.text("#notice")


def test_what_can_t_be_used_is_said_and_costs_nothing_that_was_written(browser: Browser, run: Path) -> None:
    with Served("view", run) as view, Seat(browser, view, "Ada") as seat:
        seat.page.keyboard.press("Control+Enter")
        seat.until("document.getElementById('notice').innerText.includes('first flawed step')")
        seat.page.keyboard.press("1")
        seat.page.keyboard.type("no answer is given")
        seat.page.keyboard.press("Control+Enter")
        seat.until("document.getElementById('notice').innerText.includes('gives no answer')")
        assert seat.page.input_value("[name=why]") == "no answer is given"


def test_a_draft_survives_a_reload_a_second_tab_and_the_death_of_the_server(browser: Browser, run: Path) -> None:
    with People(run) as people, Served("view", run) as view, Seat(browser, view, "Ada") as seat:
        question = seat.has_a_task()
        seat.page.keyboard.press("1")
        seat.page.keyboard.type("first thought")
        seat.saved(people, "Ada", why="first thought", flaw="1")
        seat.page.reload()
        assert seat.has_a_task() == question
        assert seat.page.input_value("[name=why]") == "first thought"
        with Seat(browser, view, "Ada", beside=seat) as second:
            assert second.has_a_task() == question
            assert second.page.input_value("[name=why]") == "first thought"
            second.page.fill("[name=why]", "second thought")
            seat.saved(people, "Ada", why="second thought")
            seat.page.fill("[name=why]", "third thought")
            seat.until("document.getElementById('notice').innerText.includes('another window')")
            assert seat.page.input_value("[name=why]") == "second thought"
            assert "third thought" in str(seat.page.locator("#task details").last.text_content())
        view.process.kill()
        seat.page.fill("[name=why]", "written while nobody listened")
        seat.until("document.getElementById('notice').innerText.includes('does not answer')")
        port = view.port
        with Served("view", run, port=port) as again:
            seat.page.goto(f"{again.address}runs/0/people/")
            assert seat.has_a_task() == question
            assert seat.page.input_value("[name=why]") == "written while nobody listened"
            seat.saved(people, "Ada", why="written while nobody listened")


def test_hostile_questions_stay_text(browser: Browser, run: Path) -> None:
    with Served("view", run) as view, Seat(browser, view, "<img src=x onerror=alert(2)>") as seat:
        assert "<img src=x onerror=alert(1)> \\u202egnp \\u001b[2J" in seat.text("main")
        seat.answers("a")
        seat.until("document.querySelectorAll('#mine li').length === 1")
        assert seat.page.locator("main img").count() == 0
        assert seat.complaints == []


def test_a_run_taught_by_people_in_the_browser(browser: Browser, recipe: Recipe, tmp_path: Path) -> None:
    file, folder = tmp_path / "human.yaml", tmp_path / "run"
    stop = [{"kind": "budget", "rounds": 1}]
    file.write_text(yaml.safe_dump({**recipe.resolved(), "teacher": {"kind": "human"}, "stop": stop}))
    running = run_in_background(file, folder)
    try:
        assert running.stdout
        assert any("questions wait for people" in line for line in iter(running.stdout.readline, ""))
        with Served("view", folder) as view, Seat(browser, view, "Ada") as ada, Seat(browser, view, "Ben") as ben:
            for seat in (ada, ben, ada):
                before = seat.has_a_task()
                seat.page.keyboard.press("1")
                seat.page.fill("[name=steps]", "It is so.")
                seat.page.fill("[name=answer]", "7")
                seat.page.keyboard.press("Control+Enter")
                seat.until(f"document.querySelector('#task .question, #task > p')?.innerText !== {json.dumps(before)}")
            ben.until("document.querySelector('[data-hand-in]') !== null")
            ben.page.click("[data-hand-in]")
            out, _ = running.communicate(timeout=120)
        assert running.returncode == 0, out
    finally:
        running.kill()
    with Ledger(folder, read_only=True) as ledger:
        bought = annotations(ledger)
        assert [a.target.steps for a in bought] == [("It is so.",)] * 3
        assert {a.authors for a in bought} == {("teacher",)}
        assert ledger.calls.spent().calls == 3


def test_what_people_find_in_a_review_stands_beside_the_agreement(browser: Browser, run: Path) -> None:
    with Served("review", run, "--count", "2") as review, Seat(browser, review, "Ada") as seat:
        assert "Does this explanation hold?" in seat.text("#answer")
        for _ in range(2):
            seat.answers("a")
        code, said = review.end()
    assert code == 0
    assert "2 of the 2 audited explanations of round 1 that they judged" in " ".join(said.split())
    with Ledger(run, read_only=True) as ledger:
        people = next(fact for fact in facts(summary(ledger)) if fact.name == "people")
    assert any("agree with the teacher on the first flaw of" in detail for detail in people.details)


def test_an_answer_that_is_under_way_goes_to_no_other_question(browser: Browser, run: Path) -> None:
    with Served("view", run) as view, Seat(browser, view, "Ada") as seat, People(run) as people:
        seat.answers("a")
        (first,) = people.undoable("Ada", 9)
        held: list[Route] = []
        seat.page.route("**/people/draft", lambda route: held.append(route))
        seat.page.keyboard.press("1")
        seat.page.fill("[name=answer]", "of the second question")
        seat.page.keyboard.press("Control+Enter")
        seat.page.click("[data-undo]")
        seat.until("document.querySelectorAll('#mine li').length === 0")
        for route in held:
            route.continue_()
        seat.page.unroute("**/people/draft")
        seat.page.wait_for_timeout(1000)
        assert people.claimed("Ada", first.task.key).reply is None
        assert all("second" not in (claim.reply or "") for claim in people.answered())


def test_a_judgement_and_that_there_can_be_none_exclude_one_another(browser: Browser, run: Path) -> None:
    with Served("view", run) as view, Seat(browser, view, "Ada") as seat, People(run) as people:
        seat.page.click("text=It can’t be answered")
        seat.page.fill("[name=unusable]", "it makes no sense")
        seat.answers()
        assert json.loads(people.undoable("Ada", 1)[0].reply or "") == {"unusable": "it makes no sense"}
        seat.page.click("[data-undo]")
        seat.until("document.querySelectorAll('#mine li').length === 0")
        assert seat.page.locator("[name=unusable]").is_visible(), "what counts is to be seen"
        seat.page.click("text=No flaw, from the first step")
        seat.page.keyboard.press("Control+Enter")
        seat.until("document.getElementById('notice').innerText.includes('clear one of the two')")
        seat.page.fill("[name=unusable]", "")
        seat.answers()
        assert json.loads(people.undoable("Ada", 1)[0].reply or "") == {"flaw": None}


def test_the_focus_stays_and_a_question_that_is_gone_makes_room_for_the_next(browser: Browser, run: Path) -> None:
    with Served("view", run) as view, Seat(browser, view, "Ada") as seat, People(run) as people:
        seat.answers("a")
        seat.page.focus("[data-undo]")
        seat.page.wait_for_timeout(4000)  # longer than between two looks
        assert seat.page.evaluate("document.activeElement.dataset.undo") is not None
        question = seat.has_a_task()
        claim = people.claim("Ada")
        assert claim
        people.answer("Ada", claim.task.key, '{"flaw": null}', claim.version)  # in another tab
        seat.until(f"document.querySelector('#task .question').innerText !== {json.dumps(question)}")


def test_a_run_that_took_the_place_of_another_gets_its_own_answers(browser: Browser, run: Path) -> None:
    with Served("view", run) as view:
        with Seat(browser, view, "Ada") as seat:
            seat.answers("a")
        with People(run) as people:
            tasks = people.tasks("round 2")
        for file in run.glob("people.sqlite*"):
            file.unlink()
        with People(run) as people:
            people.put(task.model_copy(update={"group": "round 3"}) for task in tasks)
            with Seat(browser, view, "Ada") as seat:
                seat.answers("a")
                seat.until("document.getElementById('standing').innerText.includes('round 3: 1 of 4')")
            assert len(people.answered("round 3")) == 1
