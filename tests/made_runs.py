"""Run folders that no run has made: what pages show of any text and any number of explanations."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from elad.annotate import Bought
from elad.budget import Usage
from elad.evaluate import Revisited, Score, Scores, Tally
from elad.folder import claim
from elad.keep import Kept
from elad.ledger import Ledger
from elad.loop import Attempted
from elad.records import Annotation, Attempt, Evidence, Explanation, Question, SpanEvidence, Verdict
from elad.select import Choice
from elad.sufficiency import Sufficiency
from elad.text import whole
from tests.runs import small_recipe

HOSTILE = [
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "</script><script>alert(3)</script>",
    "<!--<script>--> ]]> </textarea></title>",
    "&lt;script&gt;alert(4)&lt;/script&gt; &amp;amp; &#x3c;",
    "{{ 7 * 7 }} {% include '/etc/passwd' %} ${7*7}",
    "javascript:alert(5) \" onmouseover='alert(6)' x=`",
    "abc \u202egnp.exe\u202c \u2066x\u2069 \u200f",
    "\x1b[2J\x1b]0;owned\x07 \x9b31m \x00 \r over",
    whole("half \ud800 and \udfff"),
    "line\u2028and\u2029paragraph",
    "x" * 1_000_000,
]
"""What a pool, a student or a teacher may say to harm whoever looks."""

_STEP = SpanEvidence(entropy=0.5, peak=1.0, margin=0.25, logprob=-1.5, tokens=4)


def made_annotation(number: int, text: str | None = None, domain: str | None = None) -> Annotation:
    """Every third is accepted; of the others the second of three steps is flawed. `text` is said by everybody."""
    said = text or f"{number} + 1 = {number + 1}."
    steps = (said, f"{said} And so", f"{said} Done")
    flaw = None if number % 3 == 0 else 1
    repaired = steps if flaw is None else (steps[0], f"{said} And then", "It is done.")
    return Annotation(
        question=Question(id=f"made/{number:05d}", text=text or f"What is {number} + 1?", domain=domain),
        attempt=Explanation(steps=steps, answer=text or str(number + 1)),
        verdict=Verdict(first_flaw=flaw, why="" if flaw is None else text or f"wrong in {number}"),
        target=Explanation(steps=repaired, answer=text or str(number + 1)),
        authors=("student",) * 3 if flaw is None else ("student", "teacher", "teacher"),
        audit=number % 5 == 0,
        calls=(f"call {number}",),
    )


def made_run(folder: Path, rounds: Sequence[Sequence[Annotation]], unusable: str | None = None, **changes: Any) -> Path:
    """A finished run that bought these annotations, and in each round one question that came to nothing."""
    recipe = small_recipe(Path("tiny"), **{"select": {"kind": "step_entropy"}, **changes})
    with Ledger(folder) as ledger:
        claim(ledger, recipe)
        ledger.trace(0, "evaluate", Scores, lambda: _scores(0))
        for number, annotations in enumerate(rounds, start=1):
            _made_round(ledger, number, annotations, unusable)
            ledger.clock.heard("train", len(annotations), len(annotations), len(annotations), 1.5)
            reason = "budget: all rounds are run" if number == len(rounds) else None
            ledger.trace(number, "stop", Sufficiency, partial(Sufficiency, reason=reason))
    return folder


def _made_round(ledger: Ledger, number: int, annotations: Sequence[Annotation], unusable: str | None) -> None:
    lost = Question(id=f"lost/{number}", text=unusable or "Which?")
    nothing = Annotation(
        question=lost, attempt=Explanation(steps=(), answer=None), verdict=Verdict(first_flaw=None),
        target=Explanation(steps=(), answer=None), authors=(),
    )  # fmt: skip
    with ledger.admission() as admission:
        for annotation in (*annotations, nothing):
            admission.add(annotation.question.id, None, "pooled", question=annotation.question)
    ids = [annotation.question.id for annotation in annotations]
    attempts = ledger.attempts(number)
    with ledger.write() as db:
        rows = [(number, id, place) for place, id in enumerate([*ids, lost.id])]
        db.executemany("INSERT INTO attempts VALUES (?, ?, ?, NULL)", rows)
    attempts.keep([_attempt(annotation) for annotation in (*annotations, nothing)], {})
    with ledger.write() as db:
        for annotation in annotations:
            ledger.calls.open(annotation.calls[0], number, annotation.question.id, "{}", Usage(calls=1))
            ledger.calls.settle(
                annotation.calls[0], json.dumps({"flaw": None}), Usage(calls=1, input_tokens=100, output_tokens=10)
            )
    audited = tuple(annotation.question.id for annotation in annotations if annotation.audit)
    chosen = tuple(id for id in (*ids, lost.id) if id not in audited)
    ledger.trace(number, "attempt", Attempted, lambda: Attempted(explained=len(ids) + 1, drawn=len(ids) + 1))
    ledger.trace(number, "select", Choice, lambda: Choice(audited=audited, selected=chosen))
    bought = Bought(annotations=tuple(annotations), unusable={lost.id: unusable or "it has no answer"}, unasked=())
    ledger.trace(
        number, "annotate", Bought, lambda: bought,
        lambda _: [*((id, "annotated", None) for id in ids), (lost.id, "unusable", bought.unusable[lost.id])],
    )  # fmt: skip
    ledger.trace(number, "keep", Kept, lambda: Kept(ids=frozenset(ids)))
    said = {annotation.question.id: annotation.target for annotation in annotations[:2]}
    ledger.trace(
        number,
        "revisit",
        Revisited,
        lambda: Revisited(explanations=said, answers=Score(right=len(said), total=len(said))),
    )
    ledger.trace(number, "evaluate", Scores, lambda: _scores(number))


def _attempt(annotation: Annotation) -> Attempt:
    evidence = Evidence(
        steps=tuple(
            _STEP.model_copy(update={"entropy": round(0.01 * (len(annotation.question.text) % 37 + i), 4)})
            for i, _ in enumerate(annotation.attempt.steps)
        ),
        answer=_STEP if annotation.attempt.answer else None,
    )
    return Attempt(question=annotation.question, explanation=annotation.attempt, evidence=evidence)


def _scores(number: int) -> Scores:
    tally = Tally(overall=Score(right=50 + number, total=100), domains={})
    return Scores(answers=tally, steps=tally)
