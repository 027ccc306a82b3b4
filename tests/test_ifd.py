"""Keepers: IFD is what the paper computes; what is left out has a reason; an interrupted run keeps the same."""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from elad.errors import InputError, Interrupted
from elad.export import export
from elad.fit.fit import fit
from elad.keep import All, Clusters, Ifd, Keeper, Kept, Loss, Random
from elad.keep.clusters import clustered
from elad.keep.experience import Brief, Experience, middle
from elad.keep.share import Opinion, Share
from elad.layout import PLAIN, Layout
from elad.ledger import Ledger
from elad.loop import distil
from elad.recipe import load_recipe
from elad.records import Annotation, Explanation, Likelihood, Question, Verdict
from elad.report import left_out, markdown, summary
from elad.report.explanations import explanations
from elad.student import Lora, Student, tiny
from elad.study.curves import points
from elad.text import digest
from elad.train import Rehearsal
from elad.worlds import Arithmetic
from tests.models import MODELS, student
from tests.runs import contents, small_recipe, turn_of

pytestmark = pytest.mark.usefixtures("one_thread")

ROOT = Path(__file__).parent.parent


def annotation(question: Question, target: Explanation | None = None) -> Annotation:
    said = target or Explanation(steps=question.steps, answer=question.answer)
    return Annotation(
        question=question, attempt=said, verdict=Verdict(first_flaw=None), target=said,
        authors=("teacher",) * len(said.steps),
    )  # fmt: skip


WORLD = [annotation(q) for q in Arithmetic(size="small", count=24, seed=5).questions()]
ODD = [
    annotation(Question(id="choices", text="Which?", choices=("one", "two and three"), steps=("It is.",), answer="B")),
    annotation(Question(id="no answer", text="How many coins?", steps=("1 + 1 = 2.", "2 + 2 = 4."))),
    annotation(Question(id="no steps", text="How many hats?", answer="12")),
    annotation(Question(id="one token", text="How many pens?")),
    annotation(Question(id="long", text="How many caps?", steps=("9 + 9 = 18.",) * 20, answer="18")),
    annotation(Question(id="long question", text="How many caps? " * 30, steps=("1 + 1 = 2.",), answer="2")),
]


@torch.inference_mode()
def plainly(one: Student, asked: str, alone: str, said: Explanation) -> float | None:
    """The ratio of the mean losses, text by text: no batch, no cache, no padding."""
    losses, target = [], one.ids(one.layout.written(said))
    texts = [one.prompts.ids(asked), one.prompts.ids(alone)]
    if one.context is not None:
        target = target[: max(0, one.context - 1 - (1 if one.seq2seq else len(texts[0])))]
    if not target or (one.seq2seq and one.context is not None and len(texts[0]) > one.context):
        return None
    for ids in texts:
        begun = [one.model.config.decoder_start_token_id] if one.seq2seq else ids
        read = torch.tensor([[*begun, *target]])
        out = one.model(torch.tensor([ids]), decoder_input_ids=read) if one.seq2seq else one.model(read)
        logits = out.logits[0, len(begun) - 1 : -1].double()
        losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(target)).item())
    return losses[0] / losses[1]


# -- the number -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["Llama, grouped queries", "Gemma 2, windows in every other layer", "GPT-2", "Mamba", "T5"]
)
@pytest.mark.parametrize("context", [None, 60])
def test_it_is_the_ratio_of_mean_losses_of_the_same_tokens(name: str, context: int | None) -> None:
    one = student(name)
    one.context = context
    annotations = [*WORLD[:5], *ODD]
    kept = Ifd(share=1, most=None, experience=None).keep(turn_of(one), annotations)
    for each in annotations:
        expected = plainly(one, PLAIN.asked(each.question), PLAIN.alone(), each.target)
        assert kept.scores.get(each.question.id) == pytest.approx(expected, abs=1e-5), each.question.id
    unread = {"long question": "its question leaves no room for it in the student's context, or it is empty"}
    assert kept.left_out == (unread if context else {})


def test_a_likelihood_says_how_many_tokens_it_is_of() -> None:
    one = student("Llama")
    pair = (ODD[4].question, ODD[4].target)
    whole, asked = one.ids(PLAIN.written(pair[1])), one.prompts.ids(PLAIN.asked(pair[0]))
    assert one.likelihoods([pair])[0].tokens == len(whole)
    for room in (0, 1, 7, len(whole), len(whole) + 1):
        one.context = len(asked) + room + 1
        (found,) = one.likelihoods([pair])
        assert found.tokens == min(room, len(whole))
        assert (found.asked == found.alone == 0.0) == (room == 0)


def test_a_student_that_chats_is_asked_in_turns() -> None:
    template = "{% for turn in messages %}Question: {{ turn.content }} Answer:{% endfor %}"
    model, tokenizer = tiny.blank(width=16, layers=1, heads=2)
    one = Student(model, tokenizer, layout=Layout(template=template))
    said = Ifd(share=1, most=None, experience=None).keep(turn_of(one), WORLD[:3]).scores
    for each in WORLD[:3]:
        asked = f"Question: {one.layout.asked(each.question, chat=True)} Answer:"
        assert said[each.question.id] == pytest.approx(plainly(one, asked, "Question:  Answer:", each.target), abs=1e-5)


def test_where_nothing_stands_before_an_answer_alone_another_text_has_ended() -> None:
    model, tokenizer = tiny.blank(width=16, layers=1, heads=2)
    one = Student(model, tokenizer, layout=Layout(prompt="{question}", chat=False))
    said = Ifd(share=1, most=None, experience=None).keep(turn_of(one), WORLD[:3]).scores
    for each in WORLD[:3]:
        expected = plainly(one, each.question.text, tokenizer.eos_token, each.target)
        assert said[each.question.id] == pytest.approx(expected, abs=1e-5)


def test_high_loss_is_the_numerator() -> None:
    one = student("Llama")
    found = one.likelihoods([(a.question, a.target) for a in WORLD])
    kept = Loss(share=0.25, experience=None).keep(turn_of(one), WORLD)
    losses = {a.question.id: -each.asked / each.tokens for a, each in zip(WORLD, found, strict=True)}
    assert kept.scores == pytest.approx(losses)
    assert {*kept.ids} == {*sorted(losses, key=lambda id: -losses[id])[:6]}


# -- what is kept ---------------------------------------------------------------------------------------------------


def likelihood(ifd: float) -> Likelihood:
    return Likelihood(asked=-4 * ifd, alone=-4.0, tokens=3)


def test_above_the_cap_is_left_out_and_at_it_is_not() -> None:
    assert Ifd().of(likelihood(1.0)).rank == 1.0
    assert Ifd().of(likelihood(1.25)) == Opinion(None, "IFD 1.25 is above 1", 1.25)
    assert Ifd(most=None).of(likelihood(1.25)).rank == 1.25
    assert Ifd(most=0.8).of(likelihood(0.9)).why == "IFD 0.9 is above 0.8"
    assert Ifd(take="lowest").of(likelihood(0.5)) == Opinion(-0.5, "IFD 0.5 is not among the lowest 10%", 0.5)
    assert Ifd(share=0.05).of(likelihood(0.5)).why == "IFD 0.5 is not among the highest 5%"


def test_what_is_certain_without_its_question_has_no_ifd() -> None:
    certain = Ifd().of(Likelihood(asked=-1.0, alone=0.0, tokens=3))
    assert (certain.rank, certain.score) == (None, None)
    assert "certain without its question" in certain.why


class Scripted(Share):
    """Ranks by what it is told; None can't be kept."""

    kind: Literal["scripted"] = "scripted"
    ranks: dict[str, float | None]

    def judge(self, turn: Any, annotations: Sequence[Annotation]) -> list[Opinion]:
        return [Opinion(self.ranks[a.question.id], f"why {a.question.id}") for a in annotations]


def scripted(share: float, *ranks: float | None) -> Kept:
    told = {chr(ord("a") + n): rank for n, rank in enumerate(ranks)}
    asked = [annotation(Question(id=id, text=id, answer="1")) for id in told]
    return Scripted(share=share, ranks=told).keep(turn_of(student("Llama")), asked)


def test_the_highest_share_is_kept_in_its_order_and_the_rest_has_reasons() -> None:
    kept = scripted(0.5, 1, 4, 2, 3)
    assert kept.ids == ("b", "d")
    assert kept.left_out == {"a": "why a", "c": "why c"}
    assert scripted(0.5, None, 4, None, None).ids == ("b",), "no more than can be kept"
    assert scripted(0.01, 1, 2, 3).ids == ("c",), "one at least"
    assert scripted(1, None, None).ids == ()
    assert scripted(0.3, *range(10)).ids == ("h", "i", "j")


def test_equals_are_drawn_by_lot_whatever_their_order() -> None:
    chosen = scripted(0.5, 1, 1, 1, 1).ids
    lots = sorted("abcd", key=lambda id: digest(f"s/keep/{id}"))
    assert {*chosen} == {*lots[:2]}
    some = [annotation(Question(id=str(n), text=str(n))) for n in range(40)]
    one = turn_of(student("Llama"))
    drawn, again = (Random(share=0.25).keep(one, order) for order in (some, some[::-1]))
    assert {*drawn.ids} == {*again.ids}
    assert len(drawn.ids) == 10
    assert {*drawn.left_out.values()} == {"not among the 25% that were drawn"}
    other = Random(share=0.25).keep(one._replace(seed="t"), some)
    assert {*other.ids} != {*drawn.ids}


@pytest.mark.parametrize("keeper", [All(), Random(), Clusters(), Loss(), Ifd()], ids=lambda keeper: keeper.kind)
def test_of_nothing_nothing_is_kept(keeper: Keeper) -> None:
    assert keeper.keep(turn_of(student("Llama")), []) == Kept(ids=())


def test_weights_that_are_damaged_are_told() -> None:
    one = student("Llama")
    one.model.lm_head.weight.data[:] = math.nan
    with pytest.raises(InputError, match=r"keep: the student's probabilities are no numbers \(question 'arithmetic"):
        Ifd(experience=None).keep(turn_of(one), WORLD[:2])


# -- clusters -------------------------------------------------------------------------------------------------------


def test_what_lies_together_is_a_cluster() -> None:
    points = np.array([[0, 0], [9, 9], [0, 1], [9, 8], [-40, 40]], np.float32)
    assert sorted(clustered(points, 3, "s")) == [[0, 2], [1, 3], [4]]
    assert clustered(points, 3, "s") == clustered(points, 3, "s")
    assert sorted(clustered(points, 9, "s")) == [[0], [1], [2], [3], [4]], "no more than there are points"
    assert clustered(np.ones((4, 2)), 3, "s") == [[0, 1, 2, 3]], "what lies in one place is one cluster"
    assert clustered(np.zeros((0, 2)), 3, "s") == []


def test_each_cluster_gives_as_many() -> None:
    """Two kinds of questions, one much commoner; of the smaller all are taken before it runs out."""
    few = [annotation(Question(id=f"few {n}", text=f"Tom has {n} caps. " * 6)) for n in range(3)]
    many = [annotation(Question(id=f"many {n}", text=f"How {n}?")) for n in range(9)]
    one = turn_of(Student.load("tiny"))
    assert sorted(map(len, clustered(one.student.embed([a.question for a in few + many]), 2, "s"))) == [3, 9]
    for share, expected in ((1 / 6, (1, 1)), (1 / 3, (2, 2)), (0.5, (3, 3)), (0.75, (3, 6))):
        kept = Clusters(share=share, clusters=2).keep(one, few + many)
        assert tuple(sum(id.startswith(kind) for id in kept.ids) for kind in ("few", "many")) == expected
    assert "of its cluster is not among the first 10%" in next(
        iter(Clusters(clusters=2).keep(one, many).left_out.values())
    )


@pytest.mark.parametrize("name", [*MODELS, "LoRA"])
def test_a_question_lies_where_the_last_states_of_its_prompt_do(name: str) -> None:
    if name == "LoRA":
        pytest.importorskip("peft", reason="LoRA needs the lora extra")
    one = student("Llama" if name == "LoRA" else name)
    if name == "LoRA":
        one.adapt(Lora(rank=2))
        for weights in (p for p in one.model.parameters() if p.requires_grad):
            torch.nn.init.normal_(weights, std=0.5)
    asked = [a.question for a in [*WORLD[:3], ODD[0]]]
    found = one.embed(asked)
    with torch.inference_mode():
        for row, question in zip(found, asked, strict=True):
            ids = torch.tensor([one.prompts.ids(PLAIN.asked(question))])
            if one.seq2seq:
                states = one.model(ids, decoder_input_ids=ids[:, :1]).encoder_last_hidden_state[0]
            else:
                states = one.model(ids, output_hidden_states=True).hidden_states[-1][0]
            np.testing.assert_allclose(row, states.mean(0), atol=1e-5)
    assert one.embed([]).shape == (0, 16)


# -- the brief experience -------------------------------------------------------------------------------------------


def test_the_middle_half_is_taken_evenly() -> None:
    losses = [5.0, 1, 2, 3, 4, 9, 8, 7, 6, 0]  # the middle half, 2.25 to 6.75: rows 0, 3, 4, 8
    rows = list(range(10))
    assert middle(rows, losses, 4) == [0, 3, 4, 8]
    assert middle(rows, losses, 2) == [0, 4], "every other, in their order"
    assert middle(rows, losses, 3) == [0, 3, 4], "a step of one, cut"
    assert middle(rows, losses, 6) == [0, 3, 4, 8], "no more than the middle half has"
    assert middle([3, 5, 8], losses, 4) == [3, 5, 8], "all of a small cluster"
    assert middle([1, 2], [0.0, 1, 1], 1) == [1], "equals are all in the middle"


def test_where_there_are_few_there_are_fewer_clusters() -> None:
    one = turn_of(Student.load("tiny"))
    questions = [a.question for a in WORLD]
    chosen = Experience(clusters=100, per_cluster=3).chosen(one, questions)
    assert len(clustered(one.student.embed(questions), 4, "s")) == 4, "24 make 4 clusters of 6, whose half is 3"
    assert 0 < len({*chosen}) == len(chosen) <= 12
    assert chosen == Experience(clusters=4, per_cluster=3).chosen(one, questions)
    assert Experience().chosen(one, questions[:3]) == [0, 1, 2]


def test_the_middle_is_by_the_likelihood_of_the_question() -> None:
    one = turn_of(Student.load("tiny"))
    questions = [a.question for a in WORLD[:12]]
    losses = []
    for question in questions:
        ids = torch.tensor([one.student.prompts.ids(PLAIN.asked(question))])
        with torch.inference_mode():
            losses.append(float(one.student.model(ids, labels=ids).loss))
    chosen = Experience(clusters=1, per_cluster=6).chosen(one, questions)
    low, high = np.percentile(losses, (25, 75))
    assert chosen == [row for row, loss in enumerate(losses) if low <= loss <= high]


@pytest.mark.parametrize("name", ["Llama", "T5"])
def test_a_copy_has_the_experience_and_scores(name: str, tmp_path: Path) -> None:
    """The student stays as it is, and the copy is what the plain training makes of the chosen ones."""
    one, how = student(name), Experience(per_cluster=3, optimiser=Brief(learning_rate=0.02, batch=4))
    before = weights(one)
    turn = turn_of(one, folder=tmp_path / "training")
    kept = Ifd(share=0.5, most=None, experience=how).keep(turn, WORLD)
    assert weights(one) == before
    assert kept == Ifd(share=0.5, most=None, experience=how).keep(turn, WORLD)
    trained = student(name)
    lessons = [WORLD[row] for row in how.chosen(turn, [a.question for a in WORLD])]
    fitted = fit(trained, [e for a in lessons for e in trained.examples(a)], how.optimiser, "s/experience")
    assert fitted.steps == math.ceil(len(lessons) / 4), "one epoch"
    for each in WORLD:
        expected = plainly(trained, PLAIN.asked(each.question), PLAIN.alone(), each.target)
        assert kept.scores[each.question.id] == pytest.approx(expected, abs=1e-5)
    assert kept.scores != Ifd(most=None, experience=None).keep(turn, WORLD).scores


def weights(one: Student) -> str:
    return hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in one.model.parameters())).hexdigest()


def test_low_rank_updates_have_it_too(tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="LoRA needs the lora extra")
    one, how = student("Llama"), Experience(per_cluster=3, lora=Lora(rank=2), optimiser=Brief(learning_rate=0.1))
    how.ready()
    how.fits(one)
    copy = how.of(turn_of(one, folder=tmp_path), WORLD)
    moved = [name for name, p in copy.model.named_parameters() if p.requires_grad]
    assert moved
    assert all("lora" in name for name in moved)
    assert not hasattr(one.model, "peft_config")


def test_an_experience_that_can_not_be_is_told_before_anything_is_paid_for() -> None:
    pytest.importorskip("peft", reason="LoRA needs the lora extra")
    with pytest.raises(InputError, match=r"keep\.experience: .*nowhere"):
        Ifd(experience=Experience(lora=Lora(targets=["nowhere"]))).fits(student("Llama"))


# -- in a run -------------------------------------------------------------------------------------------------------

KEEP = {"kind": "ifd", "share": 0.5, "experience": {"per_cluster": 1, "optimiser": {"batch": 2}}}


def test_a_run_keeps_what_it_says_also_where_it_was_interrupted(
    minimal_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 6 questions a round, 3 are kept; the rest is told in reports, exports and results, and taught by nobody."""
    size = {"candidates": 8, "batch": 6, "audit": 0.3}
    recipe = small_recipe(minimal_student, keep=KEEP, rounds=size, stop=[{"kind": "budget", "rounds": 2}])
    distil(recipe, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(Student, "likelihoods", _interrupted)
        with pytest.raises(Interrupted):
            distil(recipe, tmp_path / "again")
    distil(recipe, tmp_path / "again")
    assert contents(tmp_path / "whole") == contents(tmp_path / "again")

    with Ledger(tmp_path / "whole", read_only=True) as ledger:
        kept = ledger.traced(1, "keep", Kept)
        told, why = summary(ledger), left_out(ledger)
        shown = {item["id"]: item for item in explanations(ledger, recipe, 1)}
        results = points(ledger)
        export(ledger, tmp_path / "out")
    assert kept is not None
    assert (len(kept.ids), len(kept.left_out), len(kept.scores)) == (3, 3, 6)
    assert kept.left_out.items() <= why.items()
    assert len(why) == 6
    assert {id: item["left_out"] for id, item in shown.items() if not item["kept"]} == kept.left_out
    assert all(shown[id]["left_out"] == "" for id in kept.ids)
    assert "kept" not in told["rounds"][0]
    assert [sum(of) for of in zip(*told["rounds"][1]["kept"].values(), strict=True)] == [3, 6]
    assert results[1]["kept"] == told["rounds"][1]["kept"]
    assert "kept" not in results[0]
    assert "| round | asked | kept |" in markdown(told)
    assert "| 1 | 6 | 3 |" in markdown(told)
    files = {name: _rows(tmp_path / "out" / "annotations" / f"{name}.jsonl") for name in ("sft", "left_out")}
    assert [len(rows) for rows in files.values()] == [6, 6]
    assert {row["why"] for row in files["left_out"]} == {*why.values()}
    assert not {row["prompt"] for row in files["sft"]} & {row["prompt"] for row in files["left_out"]}
    assert "left_out.jsonl" in (tmp_path / "out" / "README.md").read_text()


def _interrupted(*_: Any) -> Any:
    raise Interrupted


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_what_was_paid_for_and_left_out_is_not_rehearsed() -> None:
    one = Student.load("tiny")
    attempts = one.attempt([a.question for a in WORLD[:6]], small_recipe(Path("tiny")).select.needs, "s")
    said = [a for a in attempts if a.explanation.answer is not None]
    paid = frozenset({said[0].question.id, said[1].question.id})
    turn = turn_of(one, said)._replace(chosen=paid)
    rehearsed = [example.prompt for example in Rehearsal(surest=1).examples(turn, [])]
    assert len(rehearsed) == len(said) - 2 > 0
    assert PLAIN.asked(said[0].question) not in rehearsed


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("keep.shar=0.2", "keep.shar: there is no such key; did you mean `share`"),
        ("keep.experience.cluster=3", "keep.experience.cluster: there is no such key; did you mean `clusters`"),
        ("keep.take=highst", "did you mean `highest`"),
        ("keep.kind=idf", "there is no kind 'idf'; did you mean `ifd`"),
        ("keep.most=0", "keep.most"),
    ],
)
def test_a_spelling_mistake_is_told(wrong: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_recipe(ROOT / "recipes" / "ifd.yaml", [wrong])


def test_the_recipe_runs(minimal_student: Path, tmp_path: Path) -> None:
    quickly = [
        f"student={{model: {minimal_student}, max_tokens: 6}}", "pool.count=60", "held_out.count=4",
        "rounds={candidates: 20, batch: 16, audit: 0.25}", "select.samples=1", "train.optimiser.epochs=1",
        "train.rehearsal.items=0", "stop=[{kind: budget, rounds: 1}]",
    ]  # fmt: skip
    recipe = load_recipe(ROOT / "recipes" / "ifd.yaml", quickly)
    distil(recipe, tmp_path / "run")
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        kept = ledger.traced(1, "keep", Kept)
    assert kept is not None
    assert len(kept.ids) == round(16 * recipe.keep.share)  # type: ignore[union-attr]
