"""What a page shows of the explanations that were paid for: student, verdict, repair, cost, and what became of them.

    {"round": 3, "id": "arithmetic-17", "question": "Mia has ...", "choices": [], "domain": "hard",
     "state": "annotated", "verdict": "repaired", "flaw": 0, "place": "step 1", "why": "12+5 is 17", "of": "steps",
     "audit": false, "doubt": 0.52, "score": 0.81, "student": {"steps": ["12 + 5 = 18."], "answer": "18",
     "doubts": [[0.52, 1.1, 0.03, -2.1, 6]], "answer_doubt": [...]}, "kept": false, "left_out": "IFD 1.2 is above 1",
     "tokens": 212, "output_tokens": 31, "money": "0.0001",
     "target": {"steps": ["12 + 5 = 17."], "answer": "17", "authors": ["teacher"],
     "also": [{"steps": ["5 + 12 = 17."], "answer": "17"}], "contrast": null},
     "fate": [{"round": 4, "said": "after training", "steps": ["12 + 5 = 17."], "answer": "17"}]}

`doubt` is the mean of the steps' entropies (nats), `score` the selector's own. A step's doubt is mean entropy, peak
entropy, margin, log-probability and tokens, as in `SpanEvidence`. `left_out`: why it is not `kept`, which
is to be trained on. `also`: what is learnt beside the target; `contrast`: what the student says against it, and how
much of what it draws does, with the question's document (`wavers`) and without (`unknown`). Numbers that are infinite,
as without an answer, are null.
"""

import gzip
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from elad.annotate import Bought, judged
from elad.budget import Price, Usage
from elad.evaluate import Revisited
from elad.keep import Kept
from elad.ledger import Ledger
from elad.prices import in_force
from elad.recipe import Recipe
from elad.records import Annotation, Attempt, Contrast, Explanation, SpanEvidence, State
from elad.select import Choice, Selector
from elad.select.scores import step_entropy_mean
from elad.teacher.from_ledger import FromLedger

Item = dict[str, Any]


def rounds_with_explanations(ledger: Ledger) -> range:
    """The rounds of which something can be shown: the one under way too, once its questions are chosen."""
    return range(1, ledger.last_round("select") + 1)


def packed(items: list[Item]) -> bytes:
    """Items as they travel to a page: JSON, compressed; the same items give the same bytes."""
    text = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8", "replace"), compresslevel=6, mtime=0)


def verdicts(ledger: Ledger, recipe: Recipe, number: int) -> list[Item]:
    """The questions that were paid for in a round, or have been so far, with the teacher's word; no more of each."""
    return [verdict for verdict, _ in _judged(number, _paid_for(ledger, recipe, number))]


def explanations(ledger: Ledger, recipe: Recipe, number: int) -> list[Item]:
    """All that is shown of them."""
    paid = _paid_for(ledger, recipe, number)
    kept = ledger.traced(number, "keep", Kept)
    costs, price = _costs(ledger, number), in_force(ledger)
    fates = _fates(ledger, number, paid.attempts)
    selector = recipe.select.informed(judged(ledger, number))
    return [
        {
            **verdict,
            **_attempted(paid.attempts[verdict["id"]], selector),
            "audit": verdict["id"] in paid.audited,
            **_kept(verdict["id"], kept if annotation else None),
            "target": annotation and _target(annotation),
            **_cost(costs.get(verdict["id"], Usage()), price),
            "fate": fates.get(verdict["id"], []),
        }
        for verdict, annotation in _judged(number, paid)
    ]


class _Paid(NamedTuple):
    """What a round pays for: the audited questions, the attempts at all of them, and what was bought, or is so far."""

    audited: frozenset[str]
    attempts: Mapping[str, Attempt]
    bought: Bought


def _paid_for(ledger: Ledger, recipe: Recipe, number: int) -> _Paid:
    choice = ledger.traced(number, "select", Choice) or Choice(audited=(), selected=())
    attempts = ledger.attempts(number).of([*choice.audited, *choice.selected])
    audited = frozenset(choice.audited)
    bought = ledger.traced(number, "annotate", Bought)
    if bought is None:  # as far as the answers on the disk tell
        answers = FromLedger(recipe.teacher, ledger)
        bought = recipe.annotate.annotate(answers, number, list(attempts.values()), audited)
    return _Paid(audited, attempts, bought)


def _judged(number: int, paid: _Paid) -> Iterator[tuple[Item, Annotation | None]]:
    """What was said of each question, and the annotation where there is one."""

    def asked(id: str, state: State) -> Item:
        return {"round": number, "id": id, "question": paid.attempts[id].question.text, "state": state}

    for annotation in paid.bought.annotations:
        yield {**asked(annotation.question.id, "annotated"), **_verdict(annotation)}, annotation
    for id, reason in paid.bought.unusable.items():
        nothing = {"verdict": "unusable", "flaw": None, "place": "", "why": reason, "of": "steps"}
        yield {**asked(id, "unusable"), **nothing}, None


def _kept(id: str, kept: Kept | None) -> Item:
    return {"kept": kept is None or id in kept.ids, "left_out": kept.left_out.get(id, "") if kept else ""}


def _verdict(annotation: Annotation) -> Item:
    verdict, steps = annotation.verdict, len(annotation.attempt.steps)
    flaw = verdict.first_flaw
    words = ("the answers agree", "the answers differ") if verdict.of == "answer" else ("accepted", "repaired")
    place = "" if flaw is None or verdict.of == "answer" else f"step {flaw + 1}" if flaw < steps else "the answer"
    return {"verdict": words[flaw is not None], "flaw": flaw, "place": place, "why": verdict.why, "of": verdict.of}


def _attempted(attempt: Attempt, selector: Selector) -> Item:
    question, said, evidence = attempt.question, attempt.explanation, attempt.evidence
    return {
        "choices": question.choices,
        "domain": question.domain,
        "doubt": _number(step_entropy_mean(attempt)),
        "score": _number(selector.score(attempt)),
        "student": {
            "steps": said.steps,
            "answer": said.answer,
            "doubts": [_doubt(step) for step in evidence.steps],
            "answer_doubt": _doubt(evidence.answer) if evidence.answer else None,
        },
    }


def _doubt(span: SpanEvidence) -> list[float | None]:
    return [_number(value) for value in (span.entropy, span.peak, span.margin, span.logprob, span.tokens)]


def _number(value: float | None) -> float | None:
    return float(f"{value:.4g}") if value is not None and math.isfinite(value) else None


def _target(annotation: Annotation) -> Item:
    target = annotation.target
    beside = {"more": list(map(_said, annotation.more)), "also": list(map(_said, annotation.also))}
    return {**_said(target), "authors": annotation.authors, **beside, "contrast": _contrast(annotation.contrast)}


def _contrast(contrast: Contrast | None) -> Item | None:
    if contrast is None:
        return None
    return {**_said(contrast.rejected), "wavers": _number(contrast.wavers), "unknown": _number(contrast.unknown)}


def _said(explanation: Explanation) -> Item:
    return {"steps": explanation.steps, "answer": explanation.answer}


def _cost(usage: Usage, price: Price | None) -> Item:
    money = {"money": str(price.of(usage))} if price else {}
    return {"tokens": usage.tokens, "output_tokens": usage.output_tokens, **money}


def _costs(ledger: Ledger, number: int) -> dict[str, Usage]:
    """What was spent on each question in a round, on tries that came to nothing too."""
    costs: defaultdict[str, Usage] = defaultdict(Usage)
    for call in ledger.calls.of(number):
        costs[call.question] += call.usage or Usage()
    return costs


def _fates(ledger: Ledger, number: int, attempts: Mapping[str, Attempt]) -> dict[str, list[Item]]:
    """What the student said to the same questions in other rounds, in their order."""
    fates: dict[str, list[Item]] = {}
    for other, said, explanations in _elsewhere(ledger, number, list(attempts)):
        for id, explanation in explanations.items():
            if id in attempts:
                told = {"round": other, "said": said, "steps": explanation.steps, "answer": explanation.answer}
                fates.setdefault(id, []).append(told)
    return fates


def _elsewhere(ledger: Ledger, number: int, ids: list[str]) -> Iterator[tuple[int, str, Mapping[str, Explanation]]]:
    for other in range(1, ledger.last_round("attempt") + 1):
        if other != number:
            attempts = ledger.attempts(other).of(ids)
            yield other, "as a candidate", {id: attempt.explanation for id, attempt in attempts.items()}
        revisited = ledger.traced(other, "revisit", Revisited)
        if revisited and other >= number:
            yield other, "after training", revisited.explanations
