"""Knowledge detection: what contradicts what, what is kept of it, and what is preferred to what."""

import json
import math
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
import transformers

from elad import loop
from elad.annotate import Bought, ByContrast
from elad.annotate.contradiction import Mismatch, Nli, Pair, sentences
from elad.errors import InputError, Interrupted, TeacherError
from elad.export.annotations import write
from elad.fit import Optimiser
from elad.fit.preferences import Objective, Preference, prefer
from elad.keep import Kept, Knowledge
from elad.layout import PLAIN
from elad.ledger import Ledger
from elad.loop import distil
from elad.records import Annotation, Attempt, Contrast, Evidence, Explanation, Question, Verdict
from elad.reparse import reparse
from elad.report import annotations, left_out
from elad.report.explanations import explanations
from elad.student import Example, Lora, Student, tiny, weights_digest
from elad.teacher import FromLedger, Nobody
from elad.train import Dpo
from elad.worlds import Arithmetic
from tests.models import student
from tests.runs import contents, small_recipe, turn_of

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:trl.*"),
]

QUESTION = Question(id="q", text="What is the bird of Bador?")


def said(answer: str | None, *steps: str) -> Explanation:
    return Explanation(steps=steps, answer=answer)


# -- what contradicts what --------------------------------------------------------------------------------------------


def test_answers_that_differ_contradict() -> None:
    reference = said("12", "5 + 7 = 12.")
    others = [said("12.0"), said("13"), said(None)]
    pairs = [Pair(QUESTION, reference, other) for other in others]
    assert Mismatch().scores(pairs, "cpu") == [0.0, 1.0, 1.0]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model of natural language inference, whose second label is the contradiction."""
    folder = tmp_path_factory.mktemp("nli")
    tokenizer = tiny.word_and_digit_tokenizer(tiny.world_words())
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        pad_token_id=tokenizer.pad_token_id, initializer_range=0.5,
        id2label={0: "ENTAILMENT", 1: "CONTRADICTION", 2: "NEUTRAL"}, label2id={},
    )  # fmt: skip
    torch.manual_seed(1)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("tokens", [512, 12])
def test_each_sentence_is_held_against_the_whole_of_the_other(classifier: Path, tokens: int) -> None:
    long = said("17", "Mia has 12 coins. She finds 5! Is that 17?", "12 + 5 = 17.")
    short, other = said("3"), said("4", "Tom has 2 hats.", "2 + 2 = 4.")
    pairs = [Pair(QUESTION, *each) for each in ((long, other), (short, long), (other, other), (said(None), long))]
    found = Nli(model=str(classifier), tokens=tokens, batch=2).scores(pairs, "cpu")
    tokenizer = transformers.AutoTokenizer.from_pretrained(classifier)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier)

    def plainly(reference: list[str], whole: str) -> float:
        with torch.inference_mode():
            read = [
                tokenizer(claim, whole, truncation="longest_first", max_length=tokens, return_tensors="pt")
                for claim in reference
            ]
            return fmean(model(**each).logits.softmax(-1)[0, 1].item() for each in read)

    all_of_it = ["Mia has 12 coins.", "She finds 5!", "Is that 17?", "12 + 5 = 17.", "17"]
    assert sentences(long) == all_of_it
    texts = [(all_of_it, "Tom has 2 hats. 2 + 2 = 4. 4"), (["3"], " ".join(all_of_it))]
    texts.append((["Tom has 2 hats.", "2 + 2 = 4.", "4"], "Tom has 2 hats. 2 + 2 = 4. 4"))
    assert found[:3] == pytest.approx([plainly(*each) for each in texts], abs=1e-6)
    assert len({round(score, 4) for score in found[:3]}) == 3
    assert found[3] == 0.0, "what says nothing can't be contradicted"


def test_texts_are_cut_to_what_the_classifier_reads(classifier: Path, tmp_path: Path) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier)
    short = model.config.to_dict() | {"max_position_embeddings": 12}
    transformers.BertForSequenceClassification(transformers.BertConfig.from_dict(short)).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(classifier).save_pretrained(tmp_path)
    long = said("17", "Mia has 12 coins and 3 hats and 4 pens and 5 bows.")
    assert Nli(model=str(tmp_path)).scores([Pair(QUESTION, long, long)], "cpu") == pytest.approx(
        Nli(model=str(tmp_path), tokens=12).scores([Pair(QUESTION, long, long)], "cpu")
    )


def test_a_model_that_was_not_trained_to_classify_is_refused(classifier: Path, tmp_path: Path) -> None:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier)
    model.bert.save_pretrained(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(classifier)
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text((classifier / "config.json").read_text())
    with pytest.raises(InputError, match=r"lacks weights \(classifier.bias.*it was not trained to classify"):
        Nli(model=str(tmp_path)).fits()
    model.save_pretrained(tmp_path)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="has no padding token"):
        Nli(model=str(tmp_path)).fits()


def test_a_model_that_knows_no_contradiction_is_refused(classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"annotate.contradiction.model: '/nowhere' can't be loaded"):
        Nli(model="/nowhere").fits()
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier)
    model.config.id2label = {0: "good", 1: "bad", 2: "so so"}
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(classifier).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"no label called contradiction \(it has bad, good, so so\)"):
        Nli(model=str(tmp_path)).fits()
    with pytest.raises(InputError, match="no label called contradiction"):
        ByContrast(contradiction=Nli(model=str(tmp_path))).fits(student("Llama"))


# -- what the student says with a document and without ----------------------------------------------------------------


def looked_up(count: int) -> list[Question]:
    """Problems whose facts are in a document, so that what is asked can't be known without it."""
    found = []
    for question in Arithmetic(size="small", count=count, seed=5, tiers={"easy": 1}, operations=(1, 1)).questions():
        facts, _, asked = question.text.rpartition(". ")
        found.append(question.model_copy(update={"text": asked, "document": f"{facts}."}))
    return found


CONTRAST = ByContrast(samples=4, prompt="{document} {question}")


def attempts(questions: Sequence[Question]) -> list[Attempt]:
    nothing = {"explanation": said("0"), "evidence": Evidence(steps=())}
    return [Attempt(question=question, **nothing) for question in questions]


def contrasted(one: Student, how: ByContrast, questions: Sequence[Question]) -> Bought:
    bought = how.annotate(FromLedger.__new__(FromLedger), 1, attempts(questions), frozenset(["bare"]))
    return how.enrich(turn_of(one), bought)


def test_what_it_reads_is_held_against_what_it_says_alone() -> None:
    one, questions = Student.load("tiny"), looked_up(6)
    found = contrasted(one, CONTRAST, questions).annotations
    read = [question.model_copy(update={"text": f"{question.document} {question.text}"}) for question in questions]
    references = one.explain(read)
    beside, alone = one.sample(read, 4, 1.0, "s/with"), one.sample(questions, 4, 1.0, "s/without")
    assert [annotation.target for annotation in found] == references
    assert [annotation.question for annotation in found] == questions, "asked without its document"
    for annotation, own, free in zip(found, beside, alone, strict=True):
        contrast = annotation.contrast
        assert contrast
        assert contrast.wavers == fmean(each.answer != annotation.target.answer for each in own)
        assert contrast.unknown == fmean(each.answer != annotation.target.answer for each in free)
        against = [each for each in free if each.answer != annotation.target.answer]
        assert contrast.rejected == (against or free)[0]
        assert annotation.authors == ("student",) * len(annotation.target.steps)
    contrasts = [annotation.contrast for annotation in found if annotation.contrast]
    assert fmean(each.unknown or 0.0 for each in contrasts) > 0.5 > fmean(each.wavers for each in contrasts)


def test_without_documents_drawn_explanations_are_held_against_one_another() -> None:
    one, questions = Student.load("tiny"), looked_up(4)
    found = contrasted(one, ByContrast(samples=5, document=False), questions)
    drawn = one.sample(questions, 5, 1.0, "s/without")
    for annotation in found.annotations:
        said = drawn[questions.index(annotation.question)]
        means = [
            fmean(other.answer != each.answer for j, other in enumerate(said) if j != i) for i, each in enumerate(said)
        ]
        contrast = annotation.contrast
        assert contrast
        assert annotation.target == said[means.index(min(means))]
        assert contrast == Contrast(rejected=said[means.index(max(means))], wavers=min(means), unknown=None)
    assert len(found.annotations) + len(found.unusable) == 4


def test_what_can_not_be_contrasted_is_set_aside_with_the_reason() -> None:
    bare = Question(id="bare", text="How many coins does Mia have?")
    endless = looked_up(1)[0].model_copy(update={"id": "endless", "document": "Mia has 2 coins. " * 400})
    found = contrasted(Student.load("tiny"), CONTRAST, [bare, endless, *looked_up(2)])
    assert len(found.annotations) == 2
    assert found.unusable["endless"].startswith("with its document it is too long for the student: a prompt of ")
    assert found.unusable == {
        "bare": "it has no document",
        "endless": found.unusable["endless"],
    }


def test_a_document_is_put_in_whatever_it_says() -> None:
    odd = Question(id="q", text="Why {document}?", document="Because {question}.")
    assert ByContrast(prompt="{document} {question}").shown(odd) == "Because {question}. Why {document}?"
    with pytest.raises(ValueError, match="pattern"):
        ByContrast(prompt="{question}")


# -- what is kept -----------------------------------------------------------------------------------------------------


def annotation(id: str, wavers: float, unknown: float | None) -> Annotation:
    question = Question(id=id, text=f"What is {id}?")
    return Annotation(
        question=question, attempt=said("a"), verdict=Verdict(first_flaw=None, of="answer"), target=said("b"),
        authors=(), contrast=Contrast(rejected=said("c"), wavers=wavers, unknown=unknown),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ({}, "news, alone"),
        ({"unknown": None}, "news, known, edge, alone"),
        ({"wavers": None}, "news, shaky, alone, alone and shaky"),
        ({"wavers": None, "unknown": None}, "news, known, shaky, edge, alone, alone and shaky"),
        ({"unknown": 0.8}, "news, alone"),
    ],
)
def test_kept_is_what_is_consistent_and_news(how: dict[str, Any], kept: str) -> None:
    some = [
        annotation("news", 0.1, 0.9),
        annotation("known", 0.0, 0.2),
        annotation("shaky", 0.5, 0.9),
        annotation("edge", 0.0, 0.5),
        annotation("alone", 0.3, None),
        annotation("alone and shaky", 0.6, None),
    ]
    found = Knowledge(**how).keep(turn_of(student("Llama")), some)
    assert ", ".join(found.ids) == kept
    assert {*found.ids, *found.left_out} == {each.question.id for each in some}
    assert found.scores == {"news": 0.9, "known": 0.2, "shaky": 0.9, "edge": 0.5, "alone": 0.3, "alone and shaky": 0.6}


def test_what_is_left_out_is_told_by_how_much() -> None:
    some = [annotation("known", 0.0, 0.2), annotation("shaky", 0.5, 0.9)]
    some.append(some[0].model_copy(update={"question": QUESTION, "contrast": None}))
    assert Knowledge().keep(turn_of(student("Llama")), some).left_out == {
        "known": "the student contradicts it by 0.2 alone, which is not above 0.5",
        "shaky": "asked again it is contradicted by 0.5, which is not below 0.5",
        "q": "what the student says against it is not known",
    }


# -- what is preferred to what ----------------------------------------------------------------------------------------

PAIRS = [
    Preference(Example(f"What is {n}?", f"{n} is {n}.\n"), Example(f"What is {n}?", f"{n} is not {n + 1}.\n"))
    for n in range(6)
]
STEADY = Optimiser(learning_rate=1e-3, schedule="constant", warmup=0, weight_decay=0, batch=6, steps=1)


def blank() -> Student:
    return Student(*tiny.blank(width=16, layers=1, heads=2))


@torch.no_grad()
def likelihood(one: Student, text: Example) -> float:
    """The log-probability of a target behind its prompt, its end included."""
    ids, start = one.encode(text.prompt, text.target)
    logits = one.model(torch.tensor([ids[:-1]])).logits[0].log_softmax(-1)
    return math.fsum(logits[place - 1, ids[place]].item() for place in range(start, len(ids)))


def margins(after: Student, before: Student) -> list[float]:
    """By how much more each chosen text has become likelier than the rejected one."""
    return [ahead(after, before, *pair) for pair in PAIRS]


def ahead(after: Student, before: Student, chosen: Example, rejected: Example) -> float:
    return (likelihood(after, chosen) - likelihood(before, chosen)) - (
        likelihood(after, rejected) - likelihood(before, rejected)
    )


def test_the_loss_is_that_of_the_paper() -> None:
    before, after = blank(), blank()
    once = prefer(after, PAIRS, STEADY, Objective(0.7), "s")
    assert once.first_loss == pytest.approx(math.log(2), abs=1e-6), "nothing has moved yet"
    expected = fmean(math.log1p(math.exp(-0.7 * margin)) for margin in margins(after, before))
    twice = prefer(blank(), PAIRS, STEADY.model_copy(update={"steps": 2}), Objective(0.7), "s")
    assert twice.last_loss == pytest.approx(expected, abs=1e-5)
    assert expected < math.log(2)
    assert once.tokens == sum(len(before.ids(text.target)) + 1 for pair in PAIRS for text in pair)


def test_the_loss_of_what_is_chosen_is_added_where_it_is_asked_for() -> None:
    chosen = [each for each, _ in PAIRS]
    before = blank()
    tokens = sum(len(before.ids(text.target)) + 1 for text in chosen)
    plain, added = (prefer(blank(), PAIRS, STEADY, Objective(0.3, sft), "s") for sft in (0.0, 2.0))
    of_chosen = -math.fsum(likelihood(before, text) for text in chosen) / tokens
    assert added.first_loss == pytest.approx(plain.first_loss + 2 * of_chosen, abs=1e-4)


def test_what_is_chosen_becomes_likelier_than_what_is_not() -> None:
    before, after = blank(), blank()
    prefer(after, PAIRS, STEADY.model_copy(update={"steps": 40, "learning_rate": 5e-3}), Objective(0.3), "s")
    assert min(margins(after, before)) > 1
    assert not after.model.training
    assert after.complete(["What is 3?"]) == after.copy().complete(["What is 3?"]), "the model writes as ever"


def test_equal_seeds_give_equal_students_and_others_do_not() -> None:
    def taught(seed: str, beta: float = 0.3) -> torch.Tensor:
        one = blank()
        prefer(one, PAIRS, STEADY.model_copy(update={"steps": 4, "batch": 2}), Objective(beta), seed)
        weight: torch.Tensor = one.model.get_input_embeddings().weight
        return weight

    assert torch.equal(taught("s"), taught("s"))
    assert not torch.equal(taught("s"), taught("t"))
    assert not torch.equal(taught("s"), taught("s", beta=3.0))


def test_low_rank_updates_alone_move() -> None:
    one, whole = blank(), blank()
    for _ in range(2):  # the second time they are there, and are what it is held to
        told = prefer(one, PAIRS, STEADY.model_copy(update={"steps": 3}), Objective(0.3), "s", lora=Lora(rank=2))
        assert told.first_loss == pytest.approx(math.log(2), abs=1e-6)
    moved = {name for name, weight in one.model.named_parameters() if weight.requires_grad and weight.abs().sum() > 0}
    assert moved
    assert all("lora_" in name for name in moved)
    assert set(one.model.peft_config) == {"default"}
    assert torch.equal(one.model.unload().get_input_embeddings().weight, whole.model.get_input_embeddings().weight)


def test_what_does_not_fit_is_left_out_and_counted() -> None:
    one = blank()
    one.context = len(one.encode(*PAIRS[0].chosen[:2])[0])
    told = prefer(one, PAIRS, STEADY, Objective(0.3), "s")
    assert (told.left_out, told.steps) == (6, 0), "what is rejected is longer"
    assert prefer(one, [], STEADY, Objective(0.3), "s").steps == 0


def test_a_trainer_prefers_targets_to_what_was_said_against_them() -> None:
    flawed = annotation("flawed", 0.0, 1.0).model_copy(
        update={"contrast": None, "verdict": Verdict(first_flaw=0), "attempt": said("a")}
    )
    accepted = flawed.model_copy(update={"verdict": Verdict(first_flaw=None)})
    same = annotation("same", 0.0, 0.0).model_copy(
        update={"contrast": Contrast(rejected=said("b"), wavers=0, unknown=0)}
    )
    one = blank()
    told = Dpo(optimiser=STEADY).train(turn_of(one), [annotation("news", 0, 1), flawed, accepted, same])
    texts = [said("b"), said("c"), said("b"), said("a")]
    assert told.tokens == sum(len(one.ids(PLAIN.written(text))) + 1 for text in texts)
    nothing = Dpo(optimiser=STEADY).train(turn_of(one), [accepted, same])
    assert (nothing.steps, nothing.tokens) == (0, 0)
    more = flawed.model_copy(update={"more": (said("d"),), "also": (said("e"), said("a"))})
    before, after = blank(), blank()
    Dpo(optimiser=STEADY.model_copy(update={"steps": 30, "learning_rate": 5e-3})).train(turn_of(after), [more])
    rejected = after.example(more.question, said("a"))
    for text in "bde":
        chosen = after.example(more.question, said(text))
        assert ahead(after, before, chosen, rejected) > 1, f"{text} is to be preferred"


def test_a_training_that_comes_apart_is_told() -> None:
    one = blank()
    with pytest.raises(InputError, match=r"a loss is no longer a number. Lower train.optimiser.learning_rate"):
        prefer(
            one, PAIRS, STEADY.model_copy(update={"learning_rate": 1e30, "steps": 4, "clip": 1e30}), Objective(0.3), "s"
        )


# -- runs -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of problems with their documents under another name, and one without."""
    file = tmp_path_factory.mktemp("pool") / "pool.jsonl"
    rows = [{"id": q.id, "question": f"{n}: {q.text}", "facts": q.document} for n, q in enumerate(looked_up(20))]
    rows.append({"id": "bare", "question": "How many?", "facts": None})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def recipe(pool: Path, **changes: Any) -> Any:
    """Two rounds of eight questions that nobody is asked about."""
    content = {
        "pool": {"kind": "file", "path": str(pool), "fields": {"document": "facts"}},
        "teacher": {"kind": "nobody"},
        "rounds": {"candidates": 11, "batch": 8, "audit": 0.25},
        "annotate": {"kind": "contrast", "samples": 3, "prompt": "{document} {question}"},
        "keep": {"kind": "knowledge"},
        "train": {"kind": "dpo", "optimiser": {"steps": 3, "batch": 4, "learning_rate": 1e-4}},
        "stop": [{"kind": "budget", "rounds": 2}],
        **changes,
    }
    made = small_recipe(Path("tiny"), **content)
    return made.model_copy(update={"student": made.student.model_copy(update={"max_tokens": 24})})


@pytest.fixture(scope="module")
def run(pool: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("knowledge") / "run"
    distil(recipe(pool), folder)
    return folder


def test_a_student_teaches_itself_and_nobody_is_paid(run: Path) -> None:
    with Ledger(run, read_only=True) as ledger:
        counts, spent, every, left = ledger.counts(), ledger.calls.spent(), annotations(ledger), left_out(ledger)
        kept = [ledger.traced(number, "keep", Kept) for number in (1, 2)]
        aside = dict(ledger.unusable())
    assert spent.calls == 0
    assert counts["annotated"] == len(every)
    assert sum(counts.values()) == 21 + 4
    assert sum(len(each.ids) for each in kept if each) + len(left) == len(every) > 0
    assert left
    assert all(annotation.contrast for annotation in every)
    assert any(annotation.audit for annotation in every)
    assert aside["bare"] == "it has no document"
    assert len({weights_digest(run / "students" / number) for number in ("01", "02")}) == 2


def test_a_run_that_was_interrupted_comes_to_the_same_student(
    run: Path, pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends, late = iter("ab"), iter("c")
    sample, train = Student.sample, loop._train

    def sampled(*args: Any, **how: Any) -> Any:
        if next(ends, None):
            raise Interrupted
        return sample(*args, **how)

    def trained(*args: Any) -> Any:
        came = train(*args)
        if next(late, None):
            raise Interrupted
        return came

    monkeypatch.setattr(Student, "sample", sampled)
    monkeypatch.setattr(loop, "_train", trained)
    for _ in range(8):
        with suppress(Interrupted):
            distil(recipe(pool), tmp_path)
            break
    monkeypatch.undo()
    assert next(ends, None) is next(late, None) is None, "all of them came"
    assert contents(run) == contents(tmp_path)
    assert weights_digest(run / "students/02") == weights_digest(tmp_path / "students/02")


def test_there_are_no_replies_to_be_read_again(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    before = contents(run)
    assert reparse(tmp_path / "run")["found"] == []
    assert contents(tmp_path / "run") == before


def test_what_was_said_against_it_is_shown_and_exported(run: Path, pool: Path, tmp_path: Path) -> None:
    with Ledger(run, read_only=True) as ledger:
        every, items = annotations(ledger), explanations(ledger, recipe(pool), 1)
    shown = {item["id"]: item["target"]["contrast"] for item in items if item["target"]}
    for annotation in every[: len(shown)]:
        contrast = annotation.contrast
        assert contrast
        assert shown[annotation.question.id]["answer"] == contrast.rejected.answer
        assert shown[annotation.question.id]["unknown"] == pytest.approx(contrast.unknown, abs=1e-3)
    rows = write(every, {}, PLAIN, tmp_path / "out", chats=False)
    differ = [a for a in every if a.contrast and PLAIN.written(a.contrast.rejected) != PLAIN.written(a.target)]
    assert rows["preference"] == len(differ) > 0
    first = json.loads((tmp_path / "out/preference.jsonl").read_text().splitlines()[0])
    assert first["chosen"] == PLAIN.written(differ[0].target)
    assert first["rejected"] == PLAIN.written(differ[0].contrast.rejected)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"annotate": {"kind": "revise"}, "keep": {"kind": "all"}}, "annotate.kind 'revise' asks a teacher"),
        (
            {"stop": [{"kind": "agreement", "target": 0.3}], "rounds": {"candidates": 20, "batch": 20, "audit": 1}},
            r"stop.0 \(agreement\) counts what a teacher accepts, and teacher.kind is 'nobody': no one answers",
        ),
        (
            {"annotate": {"kind": "revise"}, "teacher": {"kind": "solver", "world": "arithmetic"}},
            "keep.kind 'knowledge' reads what the student says against its annotations",
        ),
    ],
)
def test_parts_that_do_not_go_together_are_refused(pool: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        recipe(pool, **changes)


def test_what_can_not_be_trained_so_is_told_before_it_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no encoder-decoder so"):
        Dpo().fits(student("T5"))
    with pytest.raises(InputError, match=r"train.optimiser.packed: pairs can't be packed"):
        Dpo(optimiser=Optimiser(packed=True)).fits(student("Llama"))
    one = blank()
    Dpo(lora=Lora()).fits(one)
    assert not hasattr(one.model, "peft_config"), "tried out, and taken off again"
    monkeypatch.setattr("elad.train.dpo.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs trl: pip install 'elad-distill\[dpo\]'"):
        Dpo().ready()


async def _asked() -> None:
    await Nobody().ask(None)  # type: ignore[arg-type]


def test_nobody_answers() -> None:
    import asyncio

    with pytest.raises(TeacherError, match="nobody answers"):
        asyncio.run(_asked())
