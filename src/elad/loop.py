"""The loop: attempt, select, annotate, keep, train, evaluate, sufficient?

Every phase leaves its trace in the ledger before the next begins, and a phase that has left one is not done again. So
the same function starts a run, resumes it after any interruption, and does nothing on one that is finished.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from elad.ahead import asking, sure_to_be_asked
from elad.annotate import Bought, judged
from elad.evaluate import Revisited, Scores, aurocs, evaluate, revisit
from elad.folder import Trained, claim, hold_to_origin, sound_student, stopped, student_folder
from elad.keep import Kept
from elad.ledger import Attempts, Ledger, Move
from elad.pool import admit
from elad.prices import in_force, of_run
from elad.progress import counter, heard_by, say
from elad.recipe import Recipe
from elad.records import Annotation, Attempt, Question, Record
from elad.select import Choice, Selector
from elad.student import Student
from elad.sufficiency import Round, Sufficiency
from elad.teacher import Desk
from elad.text import question_digest
from elad.turn import Turn

_PIECE = 512
"""Candidates whose attempts are kept together: what a kill costs, and what is in memory."""


class Attempted(Record):
    """How many of a round's candidates the student explained, and how many were drawn; the others are too long."""

    explained: int
    drawn: int


class Chosen(NamedTuple):
    """A round's questions: where from, what the student wrote of them, and who chose, as it was informed."""

    attempted: Attempted
    informed: Callable[[], Selector]
    choice: Choice
    attempts: list[Attempt]


class Run(NamedTuple):
    """What a run works with."""

    recipe: Recipe
    ledger: Ledger
    desk: Desk
    student: Student
    held_out: list[Question]


def distil(recipe: Recipe, folder: Path, after_round: Callable[[Ledger], None] = lambda _: None) -> str:
    """Run a recipe in a folder to a stated stop, and return why it stopped. Raises EladError."""
    with Ledger(folder) as ledger:
        claim(ledger, recipe)
        if reason := stopped(ledger):
            return reason
        with heard_by(ledger.clock.heard):
            run = begin(recipe, ledger)
            with closing(run.desk):
                return _until_enough(run, after_round)


def begin(recipe: Recipe, ledger: Ledger) -> Run:
    """Whatever can fail before something is paid for, and the questions. Raises EladError."""
    for _, part in recipe.parts():
        part.ready()
    student = recipe.student.load(sound_student(ledger))
    recipe.fits(student)
    hold_to_origin(ledger, recipe, student)
    price = of_run(ledger, recipe.teacher.price, recipe.teacher.listed_price)
    desk = Desk(recipe.teacher, ledger, recipe.budget, price)
    admit(ledger, recipe.pool, recipe.held_out)
    return Run(recipe, ledger, desk, student, ledger.questions("held out"))


def _until_enough(run: Run, after_round: Callable[[Ledger], None]) -> str:
    """Round after round, until a rule says why to stop."""
    scores = run.ledger.trace(0, "evaluate", Scores, lambda: evaluate(run.student, run.held_out))
    rounds: list[Round] = []
    while True:
        rounds.append(_round(run, rounds, rounds[-1].after if rounds else scores))
        verdict = run.ledger.trace(len(rounds), "stop", Sufficiency, lambda: _verdict(run.recipe, rounds))
        if verdict.reason:
            return verdict.reason
        after_round(run.ledger)


def choose(run: Run, number: int) -> Chosen:
    """What a round will pay for: the student explains its candidates, the selector has its say."""
    recipe, ledger = run.recipe, run.ledger
    attempts, seed = ledger.attempts(number), _seed(recipe, number)
    attempted = ledger.trace(
        number, "attempt", Attempted, lambda: explain(run, attempts, recipe.rounds.candidates, seed)
    )
    size, informed = recipe.rounds, cache(lambda: recipe.select.informed(judged(ledger, number)))
    choice = ledger.trace(
        number,
        "select",
        Choice,
        lambda: Choice.of(informed(), attempts, size.audited, size.batch, seed),
        _are_selected,
    )
    paid_for = {*choice.audited, *choice.selected}
    return Chosen(attempted, informed, choice, [attempt for attempt in attempts if attempt.question.id in paid_for])


def _round(run: Run, earlier: Sequence[Round], before: Scores) -> Round:
    """One turn of the loop. What a phase needs is what the phases before it have left."""
    recipe, ledger, desk, student, held_out = run
    number = len(earlier) + 1
    trace = partial(ledger.trace, number)
    say(f"round {number}")

    attempts = ledger.attempts(number)
    attempted, informed, choice, chosen = choose(run, number)
    turn = Turn(
        number,
        _seed(recipe, number),
        student,
        attempts,
        earlier=[annotation for round in earlier for annotation in round.kept],
        held_out=frozenset(map(question_digest, held_out)),
        folder=ledger.folder / f"training-{number:02d}",
        chosen=frozenset((*choice.audited, *choice.selected)),
    )
    bought = trace("annotate", Bought, lambda: _annotate(run, turn, chosen, frozenset(choice.audited)), _are_annotated)
    kept = frozenset(trace("keep", Kept, lambda: recipe.keep.keep(turn, bought.annotations)).ids)
    new = [annotation for annotation in bought.annotations if annotation.question.id in kept]
    emptied = len(chosen) == attempted.explained and attempted.drawn < recipe.rounds.candidates
    paid, price = ledger.calls.spent(up_to=number), in_force(ledger)
    round = Round(number, bought, new, before, before, emptied, not desk.has_room(number), paid, price)
    with _asking_ahead(run, [*earlier, round]):
        trace("train", Trained, lambda: _train(run, turn, new))
    shutil.rmtree(turn.folder, ignore_errors=True)
    taught = [annotation for each in (*earlier, round) for annotation in each.kept]
    trace("revisit", Revisited, lambda: revisit(student, taught, str(recipe.seed)))
    is_news = ledger.traced(number, "evaluate", Scores) is None
    after = trace("evaluate", Scores, lambda: evaluate(student, held_out))
    if is_news:
        say(_news(bought, after, aurocs(attempts, bought.annotations, informed())))
    return round._replace(after=after)


def explain(run: Run, attempts: Attempts, candidates: int, seed: str) -> Attempted:
    """Draw so many candidates, and let the student explain them with the evidence that the selector reads.

    Piece by piece, each kept before the next is begun: the pieces are the same in a run that was interrupted.
    """
    attempts.draw(seed, candidates)
    explained, drawn = len(attempts), attempts.drawn
    with counter("attempt", drawn, explained) as tick:
        while pending := attempts.pending(_PIECE):
            too_long = {question.id: reason for question in pending if (reason := run.student.too_long(question))}
            fitting = [question for question in pending if question.id not in too_long]
            attempts.keep(run.student.attempt(fitting, run.recipe.select.needs, seed, tick), too_long)
            for _ in too_long:
                tick()
    return Attempted(explained=len(attempts), drawn=drawn)


def _asking_ahead(run: Run, rounds: Sequence[Round]) -> AbstractContextManager[None]:
    """While the last of these rounds is trained: the teacher answers what the next is sure to ask."""
    recipe, ledger, desk, student, _ = run
    number = len(rounds)
    trained = ledger.traced(number, "train", Trained)
    if trained or any(rule.reads_scores or rule.reason(rounds) for rule in recipe.stop):
        return nullcontext()
    asks = sure_to_be_asked(recipe, ledger, student, number + 1, _seed(recipe, number + 1))
    return asking(desk, number + 1, asks) if asks else nullcontext()


def _annotate(run: Run, turn: Turn, chosen: Sequence[Attempt], audited: frozenset[str]) -> Bought:
    annotate = run.recipe.annotate
    return annotate.enrich(turn, annotate.annotate(run.desk, turn.number, chosen, audited))


def _train(run: Run, turn: Turn, new: Sequence[Annotation]) -> Trained:
    fitted = run.recipe.train.train(turn, new)
    return Trained(fitted=fitted, weights=run.student.save(student_folder(run.ledger, turn.number)))


def _seed(recipe: Recipe, number: int) -> str:
    return f"{recipe.seed}/{number}"


def _news(bought: Bought, scores: Scores, areas: dict[str, float]) -> str:
    accepted = sum(annotation.verdict.first_flaw is None for annotation in bought.annotations)
    repaired = len(bought.annotations) - accepted
    doubt = ", ".join(f"{name} {area:.2f}" for name, area in areas.items()) or "no figures"
    return (
        f"  of the explanations {accepted} were accepted, {repaired} repaired, {len(bought.unusable)} unusable\n"
        f"  of the held-out answers {scores.answers.overall.share:.1%} are right\n"
        f"  AUROC for a flaw: {doubt}"
    )


def _verdict(recipe: Recipe, rounds: Sequence[Round]) -> Sufficiency:
    reasons = [reason for rule in recipe.stop if (reason := rule.reason(rounds))]
    return Sufficiency(reason="; ".join(reasons) or None)


def _are_selected(choice: Choice) -> list[Move]:
    return [(id, "selected", None) for id in (*choice.audited, *choice.selected)]


def _are_annotated(bought: Bought) -> list[Move]:
    return [
        *((annotation.question.id, "annotated", None) for annotation in bought.annotations),
        *((id, "unusable", reason) for id, reason in bought.unusable.items()),
        *((id, "pooled", None) for id in bought.unasked),
    ]
