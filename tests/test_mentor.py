"""A mentor learns what was bought and writes more: what of it is learnt and counted, and that nothing undoes it."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from elad.annotate import Bought
from elad.annotate.mentor import Mentor
from elad.errors import InputError, Interrupted, RunFolderError
from elad.export.annotations import write
from elad.fit import Fitted
from elad.fit.checkpoint import Checkpoint
from elad.folder import Trained
from elad.layout import PLAIN
from elad.ledger import Ledger
from elad.loop import distil
from elad.plan import plan
from elad.recipe import Recipe
from elad.records import Annotation, Explanation, Verdict
from elad.report import annotations, facts, markdown, summary
from elad.report.explanations import explanations
from elad.student import Student, tiny, weights_digest
from elad.worlds import Arithmetic
from tests.models import chat_student, student
from tests.runs import contents, small_recipe, turn_of

pytestmark = pytest.mark.usefixtures("one_thread")

BRIEFLY = {"epochs": 2, "batch": 4, "learning_rate": 5e-4}
MENTOR = {
    "model": "tiny", "explanations": 8, "temperature": 1.5, "optimiser": BRIEFLY, "early_stopping": None
}  # fmt: skip


def annotated(count: int, spoil: int = 0) -> list[Annotation]:
    """Questions with their solutions; the answers of the first few are wrong."""
    found = []
    for n, question in enumerate(
        Arithmetic(size="small", count=count, seed=5, operations=(2, 3), tiers={"middle": 1}).questions()
    ):
        target = Explanation(steps=question.steps, answer="77" if n < spoil else question.answer)
        nothing = {"attempt": Explanation(steps=(), answer=None), "verdict": Verdict(first_flaw=None)}
        found.append(Annotation(question=question, target=target, authors=("teacher",) * len(target.steps), **nothing))
    return found


def recipe(model: Path, mentor: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    """Two rounds of three questions, each begun from the base, with a mentor that can write."""
    annotate = {"kind": "rationale", "mentor": {**MENTOR, **(mentor or {})}}
    train = {"kind": "sft", "start": "base", "optimiser": {"steps": 4, "batch": 4}, "rehearsal": {"items": 0}}
    train |= changes.pop("train", {})
    changes.setdefault("stop", [{"kind": "budget", "rounds": 2}])
    return small_recipe(model, annotate=annotate, train=train, **changes)


def bought(folder: Path, number: int) -> Bought:
    with Ledger(folder, read_only=True) as ledger:
        found = ledger.traced(number, "annotate", Bought)
    assert found
    return found


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student that writes up to 24 tokens, enough for a solution."""
    folder = tmp_path_factory.mktemp("writer")
    Student(*tiny.blank(width=16, layers=1, heads=2)).save(folder)
    return folder


@pytest.fixture(scope="module")
def run(writer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a mentor whose soft labels are learnt."""
    folder = tmp_path_factory.mktemp("mentored") / "run"
    distil(labelled(writer), folder)
    return folder


def labelled(model: Path) -> Recipe:
    """With so much room that a mentor can finish what it writes."""
    made = recipe(model, {"keep_every": 0}, train={"soft_labels": {}, "keep_every": 0})
    return made.model_copy(update={"student": made.student.model_copy(update={"max_tokens": 24})})


# -- what is learnt ---------------------------------------------------------------------------------------------------


def test_what_it_writes_is_learnt_where_its_answer_is_the_teachers_and_nobody_wrote_it_before(tmp_path: Path) -> None:
    learner = Student(*tiny.blank(width=16, layers=1, heads=2), most=32)
    lessons, mentor = annotated(12, spoil=3), Mentor.model_validate(MENTOR)
    turn = turn_of(learner, earlier=lessons[:2], folder=tmp_path / "training-01")
    enriched, counts = mentor.enriched(turn, lessons[2:])

    it = Student.load(turn.mentor, most=32)  # as it lies there, it is the one that wrote
    written = it.sample([a.question for a in lessons[2:]], 8, 1.5, "s/mentor")
    right = new = 0
    for annotation, each, before in zip(enriched, written, lessons[2:], strict=True):
        expected: list[Explanation] = []
        for said in each:
            if said.answer is not None and said.answer == before.target.answer:
                right += 1
                if said != before.target and said not in expected:
                    expected.append(said)
        assert list(annotation.also) == expected
        assert annotation.model_copy(update={"also": ()}) == before
        new += len(expected)
    assert (counts.written, counts.right, counts.new) == (80, right, new)
    assert 0 < new < right < 80, "some are wrong, and some are nothing new"
    assert not enriched[0].also, "the teacher's answer is wrong there, and what counts is the teacher's"
    assert weights_digest(turn.mentor) != weights_digest(tiny.FOLDER)


def test_it_learns_all_that_the_teacher_wrote_and_nothing_that_another_mentor_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lessons: list[str] = []

    def taught(student: Student, examples: list[Any], *_: Any, **how: Any) -> Fitted:
        lessons.extend(example.target for example in examples)
        return Fitted()

    monkeypatch.setattr("elad.fit.fit.fit", taught)
    said = [Explanation(steps=(), answer=str(number)) for number in range(6)]
    earlier, new = (
        one.model_copy(update={"target": target, "more": (more,), "also": (also,)})
        for one, target, more, also in zip(annotated(2), said[::3], said[1::3], said[2::3], strict=True)
    )
    turn = turn_of(Student(*tiny.blank(width=16, layers=1, heads=2), most=8), earlier=[earlier], folder=tmp_path)
    Mentor.model_validate({**MENTOR, "explanations": 0}).enriched(turn, [new])
    assert lessons == [PLAIN.written(said[number]) for number in (0, 1, 3, 4)]


def test_an_explanation_counts_once_whatever_its_spaces(tmp_path: Path) -> None:
    from elad.annotate.mentor import _new, _right

    def said(*steps: str, answer: str | None = "4") -> Explanation:
        return Explanation(steps=steps, answer=answer)

    annotation = annotated(1)[0].model_copy(update={"target": said("2 + 2 = 4."), "also": (said("2 * 2 = 4."),)})
    wrote = [said("2 + 2  = 4."), said("2 * 2 = 4."), said("1 + 3 = 4."), said("1 + 3 = 4. "), said("a", answer="5")]
    wrote += [said("cut off", answer=None), said("3 + 1 = 4.", answer="4.0")]
    right = _right(wrote, annotation)
    assert right == [*wrote[:4], wrote[6]]
    assert _new(right, annotation, PLAIN) in ([wrote[2], wrote[6]], [wrote[3], wrote[6]])


def test_earlier_rounds_keep_what_was_written_then(run: Path) -> None:
    rounds = [bought(run, number) for number in (1, 2)]
    assert sum(len(a.also) for each in rounds for a in each.annotations) > 0
    for number, each in enumerate(rounds, start=1):
        assert each.mentored
        assert each.mentored.written == 24, "of the new questions alone"
        assert each.mentored.new == sum(len(a.also) for a in each.annotations)
        assert each.mentored.fitted.steps == 2 * number, "taught those of earlier rounds too, in batches of four, twice"
    learnt = [text for each in rounds for a in each.annotations for text in a.learnt]
    with Ledger(run, read_only=True) as ledger:
        trained = [ledger.traced(number, "train", Trained) for number in (1, 2)]
    assert len(learnt) > 6 == sum(len(each.annotations) for each in rounds)
    assert [each.fitted.steps for each in trained if each] == [4, 4], "as many steps, however many explanations"


def test_soft_labels_are_those_of_the_mentor_as_it_was_taught(run: Path, writer: Path, tmp_path: Path) -> None:
    def student_of(name: str, **changes: Any) -> str:
        distil(labelled(writer).model_copy(update=changes), tmp_path / name)
        return weights_digest(tmp_path / name / "students" / "01")

    how, stop = labelled(writer), small_recipe(writer, stop=[{"kind": "budget", "rounds": 1}]).stop
    without = how.train.model_copy(update={"soft_labels": None})
    untaught = recipe(writer, train={"soft_labels": {"model": str(tiny.FOLDER)}}).train
    alone = how.annotate.model_copy(update={"mentor": how.annotate.mentor.model_copy(update={"explanations": 0})})  # type: ignore[union-attr]
    students = {
        "both": weights_digest(run / "students" / "01"),
        "explanations": student_of("explanations", train=without, stop=stop),
        "untaught": student_of("untaught", train=untaught, stop=stop),
        "soft labels": student_of("labels", annotate=alone, stop=stop),
        "neither": student_of(
            "neither", annotate=how.annotate.model_copy(update={"mentor": None}), train=without, stop=stop
        ),
    }
    assert len(set(students.values())) == 5, students
    found = bought(tmp_path / "labels", 1)
    assert found.mentored
    assert (found.mentored.written, found.mentored.right, found.mentored.new) == (0, 0, 0)
    assert not any(a.also for a in found.annotations)


def test_a_mentor_with_an_encoder_for_a_student_with_one(tmp_path: Path) -> None:
    student("T5").save(tmp_path / "t5")
    how = {"model": str(tmp_path / "t5"), "early_stopping": {"share": 0.4}}
    distil(recipe(tmp_path / "t5", how, train={"soft_labels": {}}), tmp_path / "run")
    counts = bought(tmp_path / "run", 2).mentored
    assert counts
    assert counts.written == 24
    assert len(counts.fitted.dev) == 3, "a share is set aside, to choose the epoch by: before the first, and after each"


def test_it_writes_without_the_students_tokens(writer: Path, tmp_path: Path) -> None:
    chat_student(tmp_path / "other", ["Question: Mia has 2 coins.\nSteps:\n2 + 1 = 3.\nAnswer: 3\n"])
    made = recipe(writer, {"model": str(tmp_path / "other")}, stop=[{"kind": "budget", "rounds": 1}])
    distil(made, tmp_path / "run")
    counts = bought(tmp_path / "run", 1).mentored
    assert counts
    assert counts.written == 24


# -- whatever ends it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["while it learns", "while it writes", "before the student learns"])
def test_a_run_that_was_interrupted_comes_to_the_same_student(
    run: Path, writer: Path, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elad import loop

    ended = 0

    def interrupting(work: Any, every: int) -> Any:
        done = 0

        def interrupted(*args: Any, **how: Any) -> Any:
            nonlocal done, ended
            came = work(*args, **how) if work is not train else None
            done += 1
            if done % every == 1:
                ended += 1
                raise Interrupted
            return came if work is not train else work(*args, **how)

        return interrupted

    train = loop._train
    if where == "while it learns":
        monkeypatch.setattr(Checkpoint, "keep", interrupting(Checkpoint.keep, 3))
    elif where == "while it writes":
        monkeypatch.setattr(Student, "sample", interrupting(Student.sample, 2))
    else:
        monkeypatch.setattr(loop, "_train", interrupting(train, 2))
    for _ in range(40):
        with suppress(Interrupted):
            distil(labelled(writer), tmp_path)
            break
    monkeypatch.undo()
    assert ended >= 2
    assert contents(run) == contents(tmp_path)
    for number in ("01", "02"):
        assert weights_digest(run / "students" / number) == weights_digest(tmp_path / "students" / number)
    assert not list(tmp_path.glob("training-*")), "nothing is left behind"


def test_whoever_looks_meanwhile_asks_no_mentor(writer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any, **how: Any) -> Any:
        raise Interrupted

    monkeypatch.setattr(Student, "sample", interrupted)
    with pytest.raises(Interrupted):
        distil(labelled(writer), tmp_path)
    with Ledger(tmp_path, read_only=True) as ledger:
        items = explanations(ledger, labelled(writer), 1)
    assert [item["target"]["also"] for item in items] == [[], [], []], "bought, and not enriched"


def test_ledgers_from_before_there_were_mentors_are_read() -> None:
    old = {
        "annotations": [json.loads(annotated(1)[0].model_dump_json(exclude={"also"}))],
        "unusable": {},
        "unasked": [],
    }
    read = Bought.model_validate(old)
    assert read.mentored is None
    assert read.annotations[0].also == ()


# -- what is told -----------------------------------------------------------------------------------------------------


def test_what_it_wrote_is_told_and_shown(run: Path, writer: Path, tmp_path: Path) -> None:
    with Ledger(run, read_only=True) as ledger:
        told, every = summary(ledger), annotations(ledger)
        items = explanations(ledger, labelled(writer), 1)
    counts = [bought(run, number).mentored for number in (1, 2)]
    assert all(counts)
    written, right, new = (sum(getattr(each, name) for each in counts) for name in ("written", "right", "new"))
    assert [round["mentored"] for round in told["rounds"][1:]] == [
        each.model_dump(exclude={"fitted"}) for each in counts if each
    ]
    (fact,) = [fact for fact in facts(told) if fact.name == "mentor"]
    assert fact.value == f"{new} new explanations beside those that were bought"
    assert fact.details == [f"tiny wrote {written}, of which {right} had the teacher's answer"]
    assert fact.details[0] in markdown(told)
    shown = {item["id"]: [(also["steps"], also["answer"]) for also in item["target"]["also"]] for item in items}
    assert shown == {a.question.id: [(e.steps, e.answer) for e in a.also] for a in bought(run, 1).annotations}
    rows = write(every, {}, PLAIN, tmp_path / "out", chats=False)
    assert rows["sft"] == 6 + new
    none = write(every, {a.question.id: "for once" for a in every}, PLAIN, tmp_path / "none", chats=False)
    assert (none["sft"], none["left_out"]) == (0, 6 + new), "what is learnt beside a target is left out with it"
    lines = [json.loads(line) for line in (tmp_path / "out" / "sft.jsonl").read_text().splitlines()]
    assert [line["completion"] for line in lines] == [
        PLAIN.written(said) for a in every for said in (a.target, *a.also)
    ]


def test_a_plan_reckons_with_it(writer: Path, tmp_path: Path) -> None:
    assert plan(labelled(writer), tmp_path)["seconds"]["mentor"] > 0


def test_a_mentor_that_is_gone_when_the_student_is_to_learn_of_it_is_told(writer: Path, tmp_path: Path) -> None:
    how = labelled(writer).train
    turn = turn_of(Student.load(writer), folder=tmp_path / "training-01")
    with pytest.raises(RunFolderError, match=r"training-01/mentor is gone: round 1's mentor"):
        how.train(turn, annotated(1))


# -- what can be wrong ------------------------------------------------------------------------------------------------


def test_soft_labels_of_a_mentor_that_nobody_names_are_refused(writer: Path) -> None:
    with pytest.raises(ValueError, match=r"soft_labels.model is 'mentor', but annotate.mentor is missing"):
        small_recipe(writer, train={"kind": "sft", "soft_labels": {}})
    with pytest.raises(ValueError, match=r"annotate.mentor is to write 0 explanations, and train.soft_labels"):
        recipe(writer, {"explanations": 0})
    assert recipe(writer, {"explanations": 0}, train={"soft_labels": {}})


@pytest.mark.parametrize(
    ("mentor", "told"),
    [
        ({"model": "/nowhere"}, r"annotate.mentor.model: '/nowhere' can't be loaded .* annotate.mentor.model=FOLDER"),
        ({"model": "{other}"}, r"annotate.mentor.model: .*other does not speak the student's tokens"),
        ({"model": "{t5}", "optimiser": {"packed": True}}, r"annotate.mentor.optimiser.packed: this model can't"),
    ],
    ids=["missing", "other tokens", "can't be trained so"],
)
def test_a_mentor_that_can_not_be_one_is_told_before_anything_is_paid(
    writer: Path, tmp_path: Path, mentor: dict[str, Any], told: str
) -> None:
    chat_student(tmp_path / "other", ["Question: Mia has 2 coins."])
    student("T5").save(tmp_path / "t5")
    model = mentor["model"].format(other=tmp_path / "other", t5=tmp_path / "t5")
    with pytest.raises(InputError, match=told):
        distil(recipe(writer, {**mentor, "model": model}, train={"soft_labels": {}}), tmp_path / "run")
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert ledger.calls.spent().calls == 0


def test_a_mentor_that_became_another_is_refused(writer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elad import loop

    def stop(*_: object) -> Any:
        raise Interrupted

    Student(*tiny.blank(width=16, layers=1, heads=2, seed=1)).save(tmp_path / "mentor")
    made = recipe(writer, {"model": str(tmp_path / "mentor")})
    monkeypatch.setattr(loop, "_verdict", stop)
    with pytest.raises(Interrupted):
        distil(made, tmp_path / "run")
    monkeypatch.undo()
    Student(*tiny.blank(width=16, layers=1, heads=2, seed=2)).save(tmp_path / "mentor")
    with pytest.raises(RunFolderError, match="its mentor is not what the run began with"):
        distil(made, tmp_path / "run")
