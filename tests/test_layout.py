"""How questions are put to a student and its explanations written: plainly or in turns, with any mark of the answer."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from elad.errors import InputError
from elad.export import export
from elad.fit import Optimiser
from elad.fit.batches import Row
from elad.fit.fit import fit
from elad.layout import PLAIN, Layout
from elad.ledger import Ledger
from elad.loop import distil
from elad.recipe import Recipe
from elad.records import Explanation, Needs, Question
from elad.student import Student, tiny
from tests.runs import small_recipe

MARKS = ["Answer: {answer}", "#### {answer}", "\\boxed{{answer}}", '{"answer": "{answer}"}', "So it is {answer}."]
CHAT = (
    "{% for turn in messages %}<{{ turn.role }}> {{ turn.content }} <end> {% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)
ASKED = Question(id="q", text="Which is it?", choices=("this", "that"), answer="that", steps=("It is that.",))
LINE = st.text(st.characters(codec="ascii", categories=["L", "N", "Zs"]), min_size=1, max_size=12).filter(str.strip)


def chatting(**layout: object) -> Student:
    model, tokenizer = tiny.blank(width=16, layers=1, heads=2)
    tokenizer.chat_template = CHAT
    return Student(model, tokenizer, most=48, layout=Layout.model_validate(layout))


@pytest.mark.parametrize("mark", MARKS)
@given(steps=st.lists(LINE, max_size=4), answer=LINE)
def test_what_is_written_is_read(mark: str, steps: list[str], answer: str) -> None:
    layout = Layout(answer=mark)
    said = Explanation(steps=tuple(" ".join(s.split()) for s in steps), answer=" ".join(answer.split()))
    if any(layout.behind_mark(step) is not None for step in said.steps):
        return
    assert layout.read(layout.written(said)) == said


@pytest.mark.parametrize(
    ("mark", "line", "answer"),
    [
        ("#### {answer}", "She has 5. #### 5", "5"),
        ("\\boxed{{answer}}", "So it is $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}"),
        ('{"answer": "{answer}"}', 'Final: {"answer": "B"}', "B"),
        ("\\boxed{{answer}}", "So $\\boxed{42}$ where S = {1, 2}.", "42"),
        ("\\boxed{{answer}}", "So \\boxed{42", "42"),
        ('{"answer": "{answer}"}', '{"why": "x", "answer": 42}', "42"),
        ('{"answer": "{answer}"}', '{"answer": "B", "why": "x"}', "B"),
        ('{"answer": "{answer}"}', '{"answer": "say \\"hi\\""}', 'say "hi"'),
        ('{"answer": "{answer}"}', '{"answer": cut sho', "cut sho"),
        ("So it is {answer}.", "So it is 3.5", "3.5"),
        ("So it is {answer}.", "So it is 3.5.", "3.5"),
        ("[*+] {answer}", "So [*+] 5", "5"),
        ("Answer: {answer}", "answer: 5", None),
        ("Answer: {answer}", "The Answer: 5", None),
    ],
)
def test_a_mark_that_begins_with_no_letter_may_stand_anywhere(mark: str, line: str, answer: str | None) -> None:
    assert Layout(answer=mark).read(f"One.\n{line}\n").answer == answer


def test_a_mark_that_could_begin_any_line_is_refused() -> None:
    for wrong in ({"answer": "- {answer}"}, {"answer": "{answer}"}, {"template": "x", "chat": False}):
        with pytest.raises(ValidationError):
            Layout.model_validate(wrong)


def test_a_student_with_a_chat_template_is_asked_in_turns() -> None:
    student = chatting(system="Be brief.", answer="#### {answer}")
    asked = student.prompts.of(ASKED)
    assert asked.startswith("<system> Be brief. <end> <user> Which is it?\nA) this\nB) that\n")
    assert "#### ..." in asked
    assert asked.endswith("<end> <assistant> ")
    assert (
        student.example(ASKED, Explanation(steps=("It is that.",), answer="that")).target == "It is that.\n#### that\n"
    )
    assert student.prompts.digest
    assert chatting(chat=False).prompts.of(ASKED) == PLAIN.asked(ASKED)
    assert chatting(chat=False).prompts.digest is None
    assert (
        chatting(prompt="Q {question} A").prompts.of(ASKED)
        == "<user> Q Which is it?\nA) this\nB) that A <end> <assistant> "
    )


def test_a_recipe_may_bring_a_template(tmp_path: Path) -> None:
    model, tokenizer = tiny.blank(width=16, layers=1, heads=2)
    mine = "{% for turn in messages %}[{{ turn.content }}]{% endfor %}"
    student = Student(model, tokenizer, most=24, layout=Layout(template=mine, prompt="{question}!"))
    assert student.prompts.of(Question(id="q", text="Why")) == "[Why!]"
    student.save(tmp_path / "s")
    assert Student.load(tmp_path / "s", most=24).prompts.digest == student.prompts.digest


def test_only_what_the_assistant_says_is_learnt() -> None:
    """Also where the question holds the marks of a turn."""
    student = chatting()
    question = Question(id="q", text="<assistant> 5 <end> or what?")
    learnt = Row(*student.encode(*student.example(question, Explanation(steps=("One.",), answer="7"))[:2])).learnt
    assert student.text_of(learnt) == "One.\nAnswer: 7\n"
    assert learnt[-1] == student.end


@pytest.mark.parametrize("mark", MARKS)
def test_a_student_learns_and_shows_its_doubt_in_any_layout(mark: str) -> None:
    student = chatting(answer=mark)
    said = Explanation(steps=("It is that.", "So it is."), answer="that")
    if student.layout.behind_mark(said.steps[1]) is not None:
        said = said.model_copy(update={"steps": said.steps[:1]})
    fit(student, [student.example(ASKED, said)] * 4, Optimiser(learning_rate=0.02, batch=2, epochs=120), "s")
    assert student.explain([ASKED]) == [said]
    attempt = student.attempt([ASKED], Needs(samples=2, rebuilds=2, removed=True, likelihood=True), "s")[0]
    assert attempt.explanation == said
    assert len(attempt.evidence.removed) == len(attempt.evidence.rebuilt) == len(said.steps)
    assert attempt.evidence.answer
    assert attempt.evidence.answer.logprob > -3
    assert attempt.evidence.sampled.count("that") >= 1


def test_a_template_that_is_not_there_or_refuses_is_told() -> None:
    model, tokenizer = tiny.blank(width=16, layers=1, heads=2)
    with pytest.raises(InputError, match=r"has no chat template"):
        Student(model, tokenizer, most=4, layout=Layout(chat=True))
    tokenizer.chat_template = "{{ raise_exception('no system here') }}"
    with pytest.raises(InputError, match=r"chat template can't be used \(no system here"):
        Student(model, tokenizer, most=4, layout=Layout(system="x")).prompts.of(ASKED)


def test_a_run_in_turns_keeps_its_template_and_exports_turns(tmp_path: Path) -> None:
    chatting().save(tmp_path / "student")
    layout = {"answer": "#### {answer}"}
    source = {"model": str(tmp_path / "student"), "max_tokens": 6, "layout": layout}
    recipe = Recipe.model_validate({**small_recipe(tmp_path).resolved(), "student": source})
    distil(recipe, tmp_path / "run")
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert json.loads(ledger.fact("made with") or "{}")["chat template"] == chatting().prompts.digest
        export(ledger, tmp_path / "out")
    lines = (tmp_path / "out" / "annotations" / "sft.jsonl").read_text().splitlines()
    assert '"role": "user"' in lines[0]
    assert "####" in lines[0]
    assert Student.load(tmp_path / "out", most=6).prompts.chats
