import math
from typing import Any

import pytest

from elad.errors import InputError
from elad.evaluate import auroc, aurocs
from elad.records import Annotation, Attempt, Evidence, Explanation, Needs, Question, SpanEvidence, Verdict
from elad.select import (
    Badge,
    Diverse,
    Egss,
    Entropy,
    KCentre,
    Learned,
    LeastConfidence,
    Longest,
    Margin,
    Oracle,
    Random,
    Selector,
    SelfConsistency,
    StepEntropy,
)
from elad.select.scores import inter, intra_profile, self_consistency, token_doubt


def span(entropy: float) -> SpanEvidence:
    return SpanEvidence(entropy=entropy, peak=entropy, margin=0.5, logprob=-entropy, tokens=1)


def attempt(
    id: str = "q",
    answer: str | None = "7",
    steps: tuple[float, ...] = (0.1, 0.5),
    question: dict[str, Any] | None = None,
    **evidence: Any,
) -> Attempt:
    return Attempt(
        question=Question(id=id, text=id, **question or {}),
        explanation=Explanation(steps=tuple(f"step {i}" for i in range(len(steps))), answer=answer),
        evidence=Evidence(steps=tuple(map(span, steps)), answer=span(0.3) if answer else None, **evidence),
    )


DOUBTS: list[Selector] = [Entropy(), Margin(), LeastConfidence(), StepEntropy(), StepEntropy(over="max"), Longest()]
DOUBTS += [
    SelfConsistency(),
    Egss(),
    Egss(intra="removal"),
    Egss(intra="rebuild", over="max"),
    Diverse(among=1),
    Learned(),
]
ALL: list[Selector] = [*DOUBTS, Random(), KCentre(), Badge(), Diverse(), Diverse(cover=1)]


def test_scores_by_hand() -> None:
    assert Entropy().score(attempt()) == 0.3
    assert StepEntropy().score(attempt()) == pytest.approx(0.3)
    assert StepEntropy(over="max").score(attempt()) == 0.5
    split = attempt(sampled=("7", "7", "8"))  # with the greedy 7: three against one
    assert self_consistency(split) == 0.25
    assert inter(split) == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(4))
    assert inter(attempt(sampled=("7.0", "7", " 7"))) == 0
    assert inter(attempt(sampled=("1", "2", "3"))) == pytest.approx(1)
    assert intra_profile(attempt(removed=(0.9, 0.2)), "removal") == pytest.approx([0.1, 0.8])
    assert intra_profile(attempt(rebuilt=(("7", "8"), (None, "9"))), "rebuild") == [0.5, 1.0]
    assert intra_profile(attempt(), "entropy") == [0.1, 0.5]
    weighed = Egss(inter_weight=2, intra_weight=3, over="max")
    assert weighed.score(attempt(sampled=("1", "2", "3"))) == pytest.approx(2 * 1 + 3 * 0.5)


def test_missing_answers_agree_with_nothing() -> None:
    lost = attempt(answer=None, sampled=(None, None, None))
    assert inter(lost) == pytest.approx(1)
    assert self_consistency(lost) == 0.75
    assert Entropy().score(lost) == math.inf


def test_the_answers_tokens_by_hand() -> None:
    """An answer of four tokens whose probability is 0.2, behind a step of two tokens with one of 0.5."""
    step = SpanEvidence(entropy=1, peak=2, margin=0.1, logprob=math.log(0.5), tokens=2)
    said = SpanEvidence(entropy=1, peak=2, margin=0.3, logprob=math.log(0.2), tokens=4)
    made = attempt().model_copy(update={"evidence": Evidence(steps=(step,), answer=said)})
    assert Margin().score(made) == pytest.approx(0.7)
    assert LeastConfidence().score(made) == pytest.approx(0.8)
    assert Longest().score(made) == 6
    assert token_doubt(made) == pytest.approx(1 - 0.1 ** (1 / 6))


def solved(id: str, answer: str | None, said: str | None = "7") -> Attempt:
    return attempt(id, said, question={"answer": answer, "steps": ("step 0", "STEP  1")})


def test_the_oracle_knows_who_is_wrong() -> None:
    right, wrong, lost = solved("right", "7.0"), solved("wrong", "8"), solved("lost", "7", said=None)
    assert [Oracle().score(a) for a in (right, wrong, lost)] == [0, 1, 1]
    assert {*Oracle().choose([right, lost, wrong], 2, "s")} == {"wrong", "lost"}
    pool = [solved(str(n), "7" if n % 2 else "8") for n in range(12)]
    firsts = {Oracle().choose(pool, 1, str(seed))[0] for seed in range(60)}
    assert firsts == {"0", "2", "4", "6", "8", "10"}, "any of those that are wrong, as the seed falls"
    other_steps = solved("other", "7").model_copy(update={"explanation": Explanation(steps=("step 0",), answer="7")})
    assert [Oracle(by="steps").score(a) for a in (right, wrong, other_steps)] == [0, 1, 1]


def test_the_oracle_wants_a_pool_with_solutions() -> None:
    unsolved = solved("unsolved", None)
    assert Oracle().score(unsolved) is None
    with pytest.raises(InputError, match="'unsolved' has none"):
        Oracle().choose([solved("q", "7"), unsolved], 1, "s")
    with pytest.raises(InputError, match="by the pool's own steps"):
        Diverse(of=Oracle(by="steps")).choose([attempt(question={"answer": "7"})], 1, "s")


@pytest.mark.parametrize("selector", ALL, ids=repr)
def test_every_selector_takes_any_pool(selector: Selector) -> None:
    """An empty pool, one smaller than the batch, and a student that writes no answer or no step at all."""
    full: dict[str, Any] = {"sampled": ("7",) * 5, "removed": (0.5, 0.5), "rebuilt": (("7",), ("8",))}
    odd = [
        attempt("a", **full),
        attempt("b", answer=None, sampled=(None,) * 5),
        attempt("c", answer=None, steps=(), sampled=(None,) * 5),
    ]
    assert selector.choose([], 5, "s") == []
    assert sorted(selector.choose(odd, 5, "s")) == ["a", "b", "c"]
    assert len(selector.choose(odd, 2, "s")) == 2
    if selector in DOUBTS:
        assert selector.choose(odd, 3, "s")[-1] == "a", "a lost student is more doubtful than one that answers"


def test_the_seed_breaks_ties_and_nothing_else() -> None:
    pool = [attempt(str(n)) for n in range(20)]
    assert Entropy().choose(pool, 5, "a") == Entropy().choose(pool[::-1], 5, "a")
    assert Entropy().choose(pool, 5, "a") != Entropy().choose(pool, 5, "b")
    distinct = [attempt(str(n), steps=(n / 20,)) for n in range(20)]
    assert StepEntropy().choose(distinct, 3, "a") == ["19", "18", "17"] == StepEntropy().choose(distinct, 3, "b")


def test_selectors_say_what_they_read() -> None:
    assert Random().needs == Needs()
    assert SelfConsistency(samples=4, temperature=0.5).needs == Needs(samples=4, temperature=0.5)
    assert Egss().needs.rebuilds == 0
    assert Egss(intra="removal").needs.removed
    assert Egss(intra="rebuild", rebuilds=4).needs.rebuilds == 4
    assert Margin().needs == LeastConfidence().needs == Longest().needs == Oracle().needs == Needs()
    assert KCentre().needs == Badge().needs == Needs(embedding=True)
    assert Diverse(of=SelfConsistency(samples=4)).needs == Needs(samples=4, embedding=True)


def test_auroc() -> None:
    assert auroc([1, 2, 3, 4], [False, False, True, True]) == 1
    assert auroc([1, 1, 1, 1], [False, True, True, False]) == 0.5
    assert auroc([1, 2, 3], [False, True, False]) == 0.5
    assert auroc([1, 2], [True, True]) is None
    assert auroc([math.inf, 2], [True, False]) == 1


def test_aurocs_are_of_the_scores_whose_evidence_is_there() -> None:
    pool = [attempt(str(n), steps=(n / 10,)) for n in range(6)]
    bought = [
        Annotation(
            question=a.question, attempt=a.explanation, verdict=Verdict(first_flaw=0 if n > 2 else None),
            target=a.explanation, authors=("student",), audit=False, calls=(),
        )
        for n, a in enumerate(pool)
    ]  # fmt: skip
    areas = aurocs(pool, bought, Random())
    assert areas["step entropy, mean"] == 1
    assert areas["answer entropy"] == 0.5
    assert "inter" not in areas
    assert "k_centre" not in aurocs(pool, bought, KCentre()), "it scores no attempt on its own"
    assert aurocs(pool, bought[:3], Random()) == {}
