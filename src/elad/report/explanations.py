"""What a page shows of the explanations that were paid for: student, verdict, repair, cost, and what became of them.

    {"round": 3, "id": "arithmetic-17", "question": "Mia has ...", "choices": [], "domain": "hard",
     "state": "annotated", "audit": false, "kept": true, "score": 0.81, "student": {"steps": ["12 + 5 = 18."],
     "answer": "18", "doubts": [[0.52, 1.1, 0.03, -2.1, 6]], "answer_doubt": [...]}, "flaw": 0, "why": "12+5 is 17",
     "of": "steps", "target": {"steps": ["12 + 5 = 17."], "answer": "17", "authors": ["teacher"]}, "tokens": 212,
     "output_tokens": 31, "money": "0.0001",
     "fate": [{"round": 4, "said": "after training", "steps": ["12 + 5 = 17."], "answer": "17"}]}

A doubt is mean entropy, peak entropy, margin, log-probability and tokens, as in `SpanEvidence`. Numbers that are
infinite (there was no answer) are null.
"""

import gzip
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from elad.annotate import Bought
from elad.budget import Price, Usage
from elad.evaluate import Revisited
from elad.keep import Kept
from elad.ledger import Ledger
from elad.prices import in_force
from elad.recipe import Recipe
from elad.records import Annotation, Attempt, Explanation, SpanEvidence
from elad.select import Choice
from elad.teacher.from_ledger import FromLedger

Item = dict[str, Any]


def rounds_with_explanations(ledger: Ledger) -> range:
    """The rounds of which something can be shown: the one under way too, once its questions are chosen."""
    return range(1, ledger.last_round("select") + 1)


def packed(items: list[Item]) -> bytes:
    """Items as they travel to a page: JSON, compressed; the same items give the same bytes."""
    text = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8", "replace"), compresslevel=6, mtime=0)


def explanations(ledger: Ledger, recipe: Recipe, number: int) -> list[Item]:
    """What was paid for in a round, or has been so far."""
    choice = ledger.traced(number, "select", Choice)
    if choice is None:
        return []
    attempts = ledger.attempts(number).of([*choice.audited, *choice.selected])
    bought = _bought(ledger, recipe, number, choice, attempts)
    kept = ledger.traced(number, "keep", Kept)
    costs = _costs(ledger, number)
    price = in_force(ledger)
    fates = _fates(ledger, number, attempts)
    items = []
    for annotation in bought.annotations:
        attempt = attempts[annotation.question.id]
        usage = sum((costs[call] for call in annotation.calls if call in costs), Usage())
        items.append(
            {
                **_attempted(number, attempt, recipe),
                "state": "annotated",
                "audit": annotation.audit,
                "kept": kept is None or annotation.question.id in kept.ids,
                **_revised(annotation),
                **_cost(usage, price),
                "fate": fates.get(annotation.question.id, []),
            }
        )
    for id, reason in bought.unusable.items():
        attempt = attempts[id]
        items.append(
            {
                **_attempted(number, attempt, recipe),
                "state": "unusable",
                "audit": id in choice.audited,
                "why": reason,
                **_cost(sum((call.usage for call in ledger.calls.about(id, number) if call.usage), Usage()), price),
                "fate": fates.get(id, []),
            }
        )
    return items


def _bought(ledger: Ledger, recipe: Recipe, number: int, choice: Choice, attempts: Mapping[str, Attempt]) -> Bought:
    """What the round's annotations are, or what they are so far, as far as the answers on the disk tell."""
    done = ledger.traced(number, "annotate", Bought)
    if done:
        return done
    answers = FromLedger(recipe.teacher, ledger)
    return recipe.annotate.annotate(answers, number, list(attempts.values()), frozenset(choice.audited))


def _attempted(number: int, attempt: Attempt, recipe: Recipe) -> Item:
    question, said, evidence = attempt.question, attempt.explanation, attempt.evidence
    return {
        "round": number,
        "id": question.id,
        "question": question.text,
        "choices": question.choices,
        "domain": question.domain,
        "score": _number(recipe.select.score(attempt)),
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


def _revised(annotation: Annotation) -> Item:
    verdict, target = annotation.verdict, annotation.target
    return {
        "flaw": verdict.first_flaw,
        "why": verdict.why,
        "of": verdict.of,
        "target": {"steps": target.steps, "answer": target.answer, "authors": annotation.authors},
    }


def _cost(usage: Usage, price: Price | None) -> Item:
    money = {"money": str(price.of(usage))} if price else {}
    return {"tokens": usage.tokens, "output_tokens": usage.output_tokens, **money}


def _costs(ledger: Ledger, number: int) -> dict[str, Usage]:
    return {call.key: call.usage for call in ledger.calls.of(number) if call.usage}


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
