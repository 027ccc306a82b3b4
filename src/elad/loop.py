"""The loop: attempt, select, annotate, keep, train, evaluate, sufficient?

Every phase leaves its trace in the ledger before the next begins, and a phase that has left one is not done again. So
the same function starts a run, resumes it after any interruption, and does nothing on one that is finished.
"""

import json
import shutil
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from elad.annotate import Bought
from elad.errors import RunFolderError, StorageError
from elad.evaluate import Scores, aurocs, evaluate
from elad.fit import Fitted
from elad.keep import Kept
from elad.ledger import Attempts, Ledger, Move
from elad.machine import versions
from elad.pool import admit
from elad.progress import counter, say
from elad.recipe import Recipe, differences
from elad.records import Attempt, Question, Record
from elad.student import Student, weights_digest
from elad.sufficiency import Round, Sufficiency
from elad.teacher import Desk
from elad.text import question_digest
from elad.train import Lesson

_PIECE = 512
"""Candidates whose attempts are kept together: what a kill costs, and what is in memory."""


class Attempted(Record):
    """How many of a round's candidates the student explained, and how many were drawn; the others are too long."""

    explained: int
    drawn: int


class Choice(Record):
    """The questions that are paid for: drawn for the audit, and chosen by the selector."""

    audited: tuple[str, ...]
    selected: tuple[str, ...]


class Trained(Record):
    """A round's training, and the SHA-256 of the weights that came of it."""

    fitted: Fitted
    weights: str


class _Run(NamedTuple):
    recipe: Recipe
    ledger: Ledger
    desk: Desk
    student: Student
    held_out: list[Question]


def distil(recipe: Recipe, folder: Path) -> str:
    """Run a recipe in a folder to a stated stop, and return why it stopped. Raises EladError."""
    with Ledger(folder) as ledger:
        claim(ledger, recipe)
        if reason := stopped(ledger):
            return reason
        for _, part in recipe.parts():
            part.ready()
        student = recipe.student.load(sound_student(ledger))
        recipe.train.fits(student)
        hold_to_origin(ledger, student)
        desk = Desk(recipe.teacher, ledger, recipe.budget)
        admit(ledger, recipe.pool, recipe.held_out)
        run = _Run(recipe, ledger, desk, student, ledger.questions("held out"))
        scores = ledger.trace(0, "evaluate", Scores, lambda: evaluate(student, run.held_out))
        rounds: list[Round] = []
        while True:
            rounds.append(_round(run, rounds, rounds[-1].after if rounds else scores))
            verdict = ledger.trace(len(rounds), "stop", Sufficiency, lambda: _verdict(recipe, rounds))
            if verdict.reason:
                return verdict.reason


def _round(run: _Run, earlier: Sequence[Round], before: Scores) -> Round:
    """One turn of the loop. What a phase needs is what the phases before it have left."""
    recipe, ledger, desk, student, held_out = run
    number = len(earlier) + 1
    seed = f"{recipe.seed}/{number}"
    trace = partial(ledger.trace, number)
    say(f"round {number}")

    attempts = ledger.attempts(number)
    attempted = trace("attempt", Attempted, lambda: _attempt(run, attempts, seed))
    choice = trace("select", Choice, lambda: _choose(recipe, attempts, seed), _are_selected)
    chosen = [a for a in attempts if a.question.id in {*choice.audited, *choice.selected}]
    bought = trace(
        "annotate",
        Bought,
        lambda: recipe.annotate.annotate(desk, number, chosen, frozenset(choice.audited)),
        _are_annotated,
    )
    kept = trace("keep", Kept, lambda: recipe.keep.keep(bought.annotations)).ids
    new = [annotation for annotation in bought.annotations if annotation.question.id in kept]
    lesson = Lesson(
        new=new,
        earlier=[annotation for round in earlier for annotation in round.kept],
        attempts=attempts,
        held_out=frozenset(map(question_digest, held_out)),
        number=number,
    )
    scratch = ledger.folder / f"training-{number:02d}"
    trace("train", Trained, lambda: _train(run, lesson, seed, scratch))
    shutil.rmtree(scratch, ignore_errors=True)
    after = trace("evaluate", Scores, lambda: evaluate(student, held_out))
    say(_news(bought, after, aurocs(attempts, bought.annotations, recipe.select)))
    emptied = len(chosen) == attempted.explained and attempted.drawn < recipe.rounds.candidates
    return Round(number, bought, new, before, after, emptied, spent=not desk.has_room(number))


def _attempt(run: _Run, attempts: Attempts, seed: str) -> Attempted:
    """Piece by piece, each kept before the next is begun: the pieces are the same in a run that was interrupted."""
    attempts.draw(seed, run.recipe.rounds.candidates)
    explained, drawn = len(attempts), attempts.drawn
    with counter("attempt", drawn, explained) as tick:
        while pending := attempts.pending(_PIECE):
            too_long = {question.id: reason for question in pending if (reason := run.student.too_long(question))}
            fitting = [question for question in pending if question.id not in too_long]
            attempts.keep(run.student.attempt(fitting, run.recipe.select.needs, seed, tick), too_long)
            for _ in too_long:
                tick()
    return Attempted(explained=len(attempts), drawn=drawn)


def _choose(recipe: Recipe, attempts: Iterable[Attempt], seed: str) -> Choice:
    """The audit is the head of the draw, which is a uniform sample; the selector has the rest of it to choose from."""
    size, drawn = recipe.rounds, iter(attempts)
    audited = [attempt.question.id for attempt in islice(drawn, size.audited)]
    selected = recipe.select.choose(drawn, size.batch - len(audited), seed)
    return Choice(audited=tuple(audited), selected=tuple(selected))


def _train(run: _Run, lesson: Lesson, seed: str, scratch: Path) -> Trained:
    fitted = run.recipe.train.train(run.student, lesson, seed, scratch)
    return Trained(fitted=fitted, weights=run.student.save(student_folder(run.ledger, lesson.number)))


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


# -- the run folder ---------------------------------------------------------------------------------------------------


def claim(ledger: Ledger, recipe: Recipe) -> None:
    """Make the folder this recipe's, or check that it is. Raises RunFolderError with the fields that differ.

    A recipe that failed before any question came in may be mended and run in the same folder; so may its `train` as
    long as no round was trained.
    """
    resolved = recipe.resolved()
    before = json.loads(ledger.fact("recipe") or "null")
    if before and ledger.counts():
        mended = {} if ledger.last_round("train") else {"train": resolved["train"]}
        if found := differences({**before, **mended}, resolved):
            raise RunFolderError(
                f"{ledger.folder} is the run of another recipe. It differs in\n  "
                + "\n  ".join(found)
                + "\nName another run folder, or go on with the recipe that the folder was made with."
            )
    if before != resolved:
        ledger.state_fact("recipe", json.dumps(resolved))
    try:
        (ledger.folder / "recipe.yaml").write_text(recipe.as_yaml(), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{ledger.folder / 'recipe.yaml'} can't be written: {error.strerror}") from error


def hold_to_origin(ledger: Ledger, student: Student) -> None:
    """Note what the run is made with. Raises RunFolderError where the student's base or template was another.

    Versions may differ from one start to the next: the last ones are noted.
    """
    origin = {"chat template": student.prompts.digest, "base": student.base_digest}
    before = json.loads(ledger.fact("made with") or "{}")
    for what, name in origin.items():
        if before and ledger.last_round("train") and before.get(what) != name:
            raise RunFolderError(
                f"{ledger.folder}: the student's {what} is not what the run began with. Put it back where it was, or "
                "start another run folder."
            )
    ledger.state_fact("made with", json.dumps({"versions": versions(), **origin}))


def stopped(ledger: Ledger) -> str | None:
    """Why the run has stopped; None while it has not."""
    verdict = ledger.traced(ledger.last_round("stop"), "stop", Sufficiency)
    return verdict.reason if verdict else None


def student_folder(ledger: Ledger, number: int) -> Path:
    """Where the student after a round lies."""
    return ledger.folder / "students" / f"{number:02d}"


def last_student(ledger: Ledger) -> Path | None:
    """Where the last trained student lies; None before the first."""
    number = ledger.last_round("train")
    return student_folder(ledger, number) if number else None


def sound_student(ledger: Ledger) -> Path | None:
    """The same, once its weights have been held against the ledger. Raises RunFolderError where they were changed."""
    folder = last_student(ledger)
    trained = ledger.traced(ledger.last_round("train"), "train", Trained)
    if folder is None or trained is None:
        return None
    if not folder.is_dir() or weights_digest(folder) != trained.weights:
        raise RunFolderError(
            f"{folder} is missing or was changed since it was trained. Restore it, or start another run folder."
        )
    return folder
