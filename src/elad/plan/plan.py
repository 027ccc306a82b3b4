"""A plan is the beginning of the run that it plans.

The student explains the candidates of the next round and the selector chooses, so that the very requests are known;
the run goes on from there. What replies will cost is not known before some have come: a probe buys a few of the
round's, which the run keeps, and the rest is reckoned after them.
"""

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from elad import doctor
from elad.budget import Usage
from elad.folder import claim, stopped
from elad.ledger import FILE, Ledger
from elad.loop import Run, begin, choose
from elad.plan.reckoning import Cost, affordable, margin
from elad.prices import in_force
from elad.recipe import Recipe
from elad.records import Attempt
from elad.sufficiency import BudgetSpent
from elad.teacher import Request
from elad.text import count_tokens

_SHOWN = 5
"""Questions of the next round that are shown."""

_KEPT_OF_A_CALL = 1000
"""Bytes that a call takes in the ledger beside its request and its reply's text."""


def plan(recipe: Recipe, folder: Path, probe: int = 0) -> dict[str, Any]:
    """What is left of a run, as plain data; `probe` questions of its next round are paid for first.

    Raises EladError as the run itself would.
    """
    with Ledger(folder) as ledger:
        claim(ledger, recipe)
        if reason := stopped(ledger):
            return {"stopped": reason}
        run = begin(recipe, ledger)
        with closing(run.desk):
            return _planned(run, probe)


def _planned(run: Run, probe: int) -> dict[str, Any]:
    """Choose the next round's questions, probe some of them, and reckon."""
    ledger, number = run.ledger, run.ledger.last_round("stop") + 1
    fresh, began = not len(ledger.attempts(number)), time.monotonic()
    chosen = choose(run, number)
    seconds = {"attempts": time.monotonic() - began} if fresh else {}
    if sample := _spread(chosen.attempts, probe):
        before, began = ledger.calls.spent().calls, time.monotonic()
        run.recipe.annotate.annotate(run.desk, number, sample, frozenset(chosen.choice.audited))
        if ledger.calls.spent().calls > before:
            seconds["answers"] = (time.monotonic() - began) / len(sample)
    return _reckoned(run, number, chosen.attempts, seconds)


def _reckoned(run: Run, number: int, chosen: Sequence[Attempt], seconds: dict[str, float]) -> dict[str, Any]:
    recipe, price = run.recipe, in_force(run.ledger)
    most_tokens = recipe.teacher.max_output_tokens
    asked = [(a, first) for a in chosen if (first := recipe.annotate.first_requests(a, most_tokens))]
    requests = [first[0] for _, first in asked]
    spent, known = Cost.of(run.ledger.calls.spent(), price), _known(run)
    guesses = [_guess(run, attempt, first) for attempt, first in asked]
    each = Cost.mean(known or [Cost.of(guess, price) for guess in guesses] or [Cost()])
    most = _most(run, number)
    questions = min(float(most), affordable(recipe.budget, spent, each))
    calls = recipe.annotate.most_calls(max((len(attempt.explanation.steps) for attempt in chosen), default=0))
    bounds = [Cost.of(run.desk.counted(recipe.teacher.bound(request)), price) for request in requests]
    dearest = max(bounds, key=lambda bound: bound.tokens, default=Cost())
    rounds = math.ceil(questions / recipe.rounds.batch)
    told = {
        "spent": spent,
        "expected": spent.plus(each, questions),
        "at_most": spent.plus(dearest, most * calls),
    }
    return {
        "stopped": None,
        "round": number,
        "rounds": rounds,
        "questions": round(questions),
        "known": len(known),
        "margin": margin(known),
        "unpriced": price is None and recipe.teacher.metered,
        **{name: cost.told(recipe.budget, priced=price is not None) for name, cost in told.items()},
        "budget": recipe.budget.model_dump(mode="json", exclude_none=True),
        "may_stop_sooner": [rule.kind for rule in recipe.stop if rule.reads_scores],
        "seconds": _seconds(run, chosen, seconds, questions, range(number, number + rounds)),
        "disk": _disk(run, number, requests, rounds),
        "memory": [f"{f.about}: {f.told}" for f in doctor.fits(recipe, run.student, [a.question for a in chosen])],
        "request": [message.model_dump() for message in requests[0].messages] if requests else [],
        "first": [attempt.question.text for attempt in chosen[:_SHOWN]],
    }


def _spread(attempts: Sequence[Attempt], count: int) -> list[Attempt]:
    """So many of a round's attempts, evenly from its head, the audit, to its tail."""
    count = min(count, len(attempts))
    return [attempts[place * len(attempts) // count] for place in range(count)]


def _known(run: Run) -> list[Cost]:
    """What questions have cost in this run so far, all of their calls together."""
    usages: defaultdict[str, Usage] = defaultdict(Usage)
    for call in run.ledger.calls.answered():
        usages[call.question] += call.usage or Usage()
    return [Cost.of(usage, in_force(run.ledger)) for usage in usages.values()]


def _guess(run: Run, attempt: Attempt, requests: Sequence[Request]) -> Usage:
    """What a question may cost while nothing is known: replies are taken to be as long as what the student said."""
    said = attempt.explanation
    reply = count_tokens("\n".join((*said.steps, said.answer or "")))
    talks = [Usage(calls=1, input_tokens=run.recipe.teacher.reckoned(r), output_tokens=reply) for r in requests]
    return run.desk.counted(sum(talks, Usage()))


def _most(run: Run, number: int) -> int:
    """The questions that rounds and pool leave to be asked, whatever they cost."""
    recipe, counts = run.recipe, run.ledger.counts()
    waiting = sum(counts.get(state, 0) for state in ("pooled", "selected", "asked"))
    limits = [rule.rounds for rule in recipe.stop if isinstance(rule, BudgetSpent) and rule.rounds]
    answered = len({call.question for call in run.ledger.calls.answered() if call.round == number})
    left = [(rounds - number + 1) * recipe.rounds.batch - answered for rounds in limits]
    return max(0, min([waiting - min(answered, counts.get("asked", 0)), *left]))


def _seconds(
    run: Run, chosen: Sequence[Attempt], seconds: dict[str, float], questions: float, rounds: range
) -> dict[str, float]:
    """How long the phases will take, as far as it was measured."""
    batch = run.recipe.rounds.batch
    told = {"training": run.recipe.train.seconds(run.student, chosen, batch) * len(rounds)} if chosen else {}
    if chosen and (mentor := run.recipe.annotate.mentor):
        told["mentor"] = mentor.seconds(run.student, chosen, batch, rounds)
    if "attempts" in seconds:
        told["attempts"] = seconds["attempts"] * max(0, len(rounds) - 1)
    if "answers" in seconds:
        told["answers"] = seconds["answers"] * questions
    return told


def _disk(run: Run, number: int, requests: Sequence[Request], rounds: int) -> int:
    """Bytes that the run folder will take."""
    weights = sum(p.numel() * p.element_size() for p in run.student.model.parameters() if p.requires_grad)
    asked = sum(len(request.model_dump_json()) + _KEPT_OF_A_CALL for request in requests)
    a_round = weights + asked + run.ledger.attempts(number).size
    return int((run.ledger.folder / FILE).stat().st_size + rounds * a_round)
