"""Talks with the teacher: prompts as files, votes, dialogues, and replies that no text can break."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elad.annotate import Annotator, Bought, Dialogue, Rationale, Revise
from elad.budget import Caps
from elad.errors import InputError
from elad.ledger import Ledger
from elad.recipe import Recipe
from elad.records import Attempt, Evidence, Explanation, Question
from elad.teacher import BadReply, Desk, Solver
from elad.teacher.prompts import prompt
from elad.teacher.replies import read_rationale, read_revision
from elad.worlds import Arithmetic, Deduction, World
from tests.runs import small_recipe


def attempts(world: World, spoil: int = 2) -> list[Attempt]:
    """Right explanations, but for every so manyth, whose last step is another."""
    said = []
    for number, question in enumerate(world.questions()):
        steps = (*question.steps[:-1], "7 + 7 = 5.") if number % spoil == 0 else question.steps
        explanation = Explanation(steps=steps, answer=question.answer)
        said.append(Attempt(question=question, explanation=explanation, evidence=Evidence(steps=())))
    return said


def bought(annotator: Annotator, asked: list[Attempt], folder: Path, **teacher: Any) -> tuple[Bought, Any]:
    with Ledger(folder) as ledger:
        solver = Solver.model_validate({"world": "arithmetic", "max_output_tokens": 300, **teacher})
        found = annotator.annotate(Desk(solver, ledger, Caps(calls=10_000)), 1, asked, frozenset())
        return found, ledger.calls.spent()


@pytest.mark.parametrize("world", [Arithmetic(count=40), Deduction(count=40)], ids=lambda world: world.kind)
def test_a_dialogue_finds_what_one_reading_finds(world: World, tmp_path: Path) -> None:
    asked = attempts(world)
    told = {"world": world.kind}
    whole, at_once = bought(Revise(), asked, tmp_path / "revise", **told)
    talked, step_by_step = bought(Dialogue(), asked, tmp_path / "dialogue", **told)
    assert [a.verdict for a in talked.annotations] == [a.verdict for a in whole.annotations]
    assert [a.target for a in talked.annotations] == [a.target for a in whole.annotations]
    assert step_by_step.calls > at_once.calls == 40
    for annotation in talked.annotations:
        flaw, steps = annotation.verdict.first_flaw, len(annotation.attempt.steps)
        turns = steps + 1 if flaw is None else flaw + 1
        assert len(annotation.calls) == turns, "it ends at the first flaw, and every turn was paid for"


def test_a_dialogue_shows_no_step_before_those_before_it_are_accepted(tmp_path: Path) -> None:
    asked = [a for a in attempts(Arithmetic(count=60, size="full"), spoil=1) if len(a.explanation.steps) > 2][:5]
    flawed = [
        a.model_copy(update={"explanation": Explanation(steps=("9 + 9 = 1.", *a.explanation.steps), answer="0")})
        for a in asked
    ]
    with Ledger(tmp_path) as ledger:
        Dialogue().annotate(Desk(Solver(world="arithmetic"), ledger, Caps(calls=99)), 1, flawed, frozenset())
        requests = [json.loads(call.request) for call in ledger.calls.answered()]
    assert len(requests) == len(flawed)
    assert all(json.loads(request["messages"][1]["content"])["steps"] == {"1": "9 + 9 = 1."} for request in requests)


@pytest.mark.parametrize("annotator", [Revise, Rationale])
def test_votes_outvote_a_teacher_that_errs(annotator: Any, tmp_path: Path) -> None:
    asked = attempts(Arithmetic(count=200, size="small"))

    def wrong(found: Bought) -> int:
        return sum(a.target.answer != a.question.answer for a in found.annotations)

    alone, cost = bought(annotator(), asked, tmp_path / "1", error_rate=0.25)
    voted, cost_of_three = bought(annotator(votes=3), asked, tmp_path / "3", error_rate=0.25)
    sure, cost_of_sure = bought(annotator(votes=3), asked, tmp_path / "sure", error_rate=0.0)
    assert len(voted.annotations) == 200
    assert wrong(voted) < 0.75 * wrong(alone)
    assert wrong(sure) == 0
    assert cost.calls == 200
    assert cost_of_sure.calls == 400, "two that agree are a majority of three: no third is bought"
    assert 400 < cost_of_three.calls < 600
    assert {len(annotation.calls) for annotation in voted.annotations} == {2, 3}


def test_of_several_rationales_those_are_learnt_that_say_what_most_say(tmp_path: Path) -> None:
    asked = attempts(Arithmetic(count=100, size="small", operations=(2, 3)))
    told = {"ways": "any", "error_rate": 0.3}
    found, spent = bought(Rationale(rationales=3), asked, tmp_path / "3", **told)
    alone, _ = bought(Rationale(), asked, tmp_path / "1", **told)
    assert (len(found.annotations), spent.calls) == (100, 300)
    assert {len(annotation.calls) for annotation in found.annotations} == {3}
    learnt = [(a.question.answer, [*a.learnt]) for a in found.annotations]
    assert all(len({said.answer for said in each}) == 1 for _, each in learnt)
    assert all(len(set(each)) == len(each) for _, each in learnt), "none of them twice"
    assert {len(each) for _, each in learnt} == {1, 2, 3}
    wrong = sum(each[0].answer != answer for answer, each in learnt)
    assert 0 < wrong < sum(a.target.answer != a.question.answer for a in alone.annotations)


def test_where_the_budget_ends_before_all_rationales_what_came_is_learnt(tmp_path: Path) -> None:
    asked = attempts(Arithmetic(count=4, size="small"))
    with Ledger(tmp_path) as ledger:
        solver = Solver(world="arithmetic", ways="any")
        found = Rationale(rationales=3).annotate(Desk(solver, ledger, Caps(calls=7)), 1, asked, frozenset())
    assert [len(annotation.calls) for annotation in found.annotations] == [3, 3, 1]
    assert len(found.unasked) == 1


def test_where_the_budget_ends_a_talk_too_few_votes_are_no_majority(tmp_path: Path) -> None:
    asked = attempts(Arithmetic(count=6, size="small"))
    with Ledger(tmp_path) as ledger:
        desk = Desk(Solver(world="arithmetic", error_rate=0.9), ledger, Caps(calls=8))
        found = Revise(votes=5).annotate(desk, 1, asked, frozenset())
        assert ledger.calls.spent().calls == 8
    assert len(found.annotations) == 2, "three votes each; of the third question only two were heard"
    assert len(found.unasked) == 4


def test_a_prompt_of_ones_own_is_sent_and_makes_another_call(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("Check the JSON that follows, step by step.\n")
    one = attempts(Arithmetic(count=1))[0]
    shipped, own = Revise().request(one, 99), Revise(prompt=str(mine)).request(one, 99)
    assert shipped.messages[0].content == prompt("revise-1")
    assert own.messages[0].content == "Check the JSON that follows, step by step."
    assert shipped.key({}) != own.key({})
    assert shipped.messages[1:] == own.messages[1:]


@pytest.mark.parametrize("content", [None, "", b"\xff\xfe\x00"])
def test_a_prompt_that_is_none_is_told_with_those_that_there_are(content: Any, tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=r"annotate.prompt: .*(is empty|dialogue-1, rationale-1, revise-1)"):
        Revise(prompt=str(file)).ready()


def test_a_teacher_that_can_not_talk_is_told(minimal_student: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="asks step by step, which a teacher of kind 'recorded' can't answer"):
        small_recipe(minimal_student, annotate={"kind": "dialogue"}, teacher={"kind": "recorded", "path": "x.jsonl"})
    assert isinstance(small_recipe(minimal_student, annotate={"kind": "dialogue"}), Recipe)


# backspaces and form feeds are left out: before letters, they are read as the commands of a formula
anything = st.text(st.characters(exclude_characters="\b\f")) | st.sampled_from(
    ['"}]', "\\", "</think>", "```", '{"flaw": null}', "\u202e", "\x00", "{", "}"]
)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(anything, st.lists(anything, max_size=3), anything)
def test_no_text_of_a_question_or_a_student_is_more_than_data(question: str, steps: list[str], answer: str) -> None:
    said = Explanation(steps=tuple(steps), answer=answer)
    attempt = Attempt(
        question=Question(id="q", text=question, choices=(answer, question)),
        explanation=said,
        evidence=Evidence(steps=()),
    )
    request = Revise().request(attempt, 99)
    assert [message.role for message in request.messages] == ["system", "user"]
    assert request.messages[0].content == prompt("revise-1")
    asked = request.said()
    assert (asked["question"], list(asked["steps"].values()), asked["answer"]) == (question, steps, answer)
    talk = Dialogue().request(attempt, 99)
    assert json.loads(talk.messages[1].content)["question"] == question


@settings(max_examples=300, derandomize=True, deadline=None)
@given(anything | st.lists(anything).map("".join), st.integers(0, 3))
def test_no_reply_breaks_its_parser(reply: str, steps: int) -> None:
    said = Explanation(steps=("a",) * steps, answer="b")
    for read in (read_rationale, lambda reply: read_revision(reply, said), lambda reply: read_revision(reply, said, 0)):
        with suppress(BadReply):
            assert read(reply)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(anything, min_size=1, max_size=3), anything.filter(str.strip))
def test_what_a_teacher_writes_is_read_as_it_was_written(steps: list[str], answer: str) -> None:
    written = json.dumps({"steps": steps, "answer": answer, "unusable": None})
    assert read_rationale(written) == Explanation(steps=tuple(steps), answer=answer)


def test_replies_are_repaired_where_it_is_plain_what_was_meant() -> None:
    assert read_rationale('{"steps": ["a\nb",], "answer": "c",}') == Explanation(steps=("a\nb",), answer="c")
    with pytest.raises(BadReply):
        read_rationale('{"steps": ["a", "answer": "c"')


def test_a_brief_revision_says_the_same_but_why() -> None:
    said = Explanation(steps=("12 + 5 = 18.", "18 - 3 = 15."), answer="15")
    question = Question(
        id="q", text="Mia has 12 coins. Mia finds 5 coins. Mia loses 3 coins. How many coins does Mia have?"
    )
    attempt = Attempt(question=question, explanation=said, evidence=Evidence(steps=()))
    told, tokens = {}, {}
    for part in (Revise(), Revise(why=False)):
        request = part.request(attempt, 200)
        reply = asyncio.run(Solver(world="arithmetic").ask(request))
        told[part.why] = part.read(attempt, request, reply.raw)
        tokens[part.why] = reply.usage.output_tokens
        assert set(json.loads(reply.raw)) <= set(request.form["properties"] if request.form else ())
    assert told[True].verdict.why
    assert not told[False].verdict.why
    assert told[True].target == told[False].target
    assert told[True].verdict.first_flaw == told[False].verdict.first_flaw == 0
    assert tokens[False] < tokens[True]
    assert Revise(why=False).prompt_digest != Revise().prompt_digest
    assert Revise(why=False, prompt="revise-1").prompt == "revise-1", "a prompt that is named is taken"
