"""The run folder: whose it is, what it was made with, and which of its students is the last.

runs/NAME/recipe.yaml, ledger.sqlite, students/03/, ...
"""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from elad.errors import RunFolderError, StorageError
from elad.fit import Fitted
from elad.ledger import Ledger
from elad.machine import versions
from elad.recipe import Recipe, differences
from elad.records import Record
from elad.student import Student, weights_digest
from elad.sufficiency import Sufficiency


class Trained(Record):
    """A round's training, and the SHA-256 of the weights that came of it."""

    fitted: Fitted
    weights: str


def claim(ledger: Ledger, recipe: Recipe) -> None:
    """Make the folder this recipe's, or check that it is. Raises RunFolderError with the fields that differ.

    A recipe that failed before any question came in may be mended and run in the same folder; so may its `train` as
    long as no round was trained, and `budget` and `stop` as long as nothing was paid for. How the teacher is called,
    how patiently it is asked and what it costs may always change.
    """
    resolved, course = recipe.resolved(), _course(recipe)
    before = _before(ledger)
    if before and ledger.counts():
        untouched = ledger.calls.none_was_made()
        free = set() if ledger.last_round("train") else {"train"}
        free |= {"budget", "stop"} if untouched else set()
        if found := differences({**before, **{name: course[name] for name in free}}, course):
            raise RunFolderError(
                f"{ledger.folder} is the run of another recipe. It differs in\n  "
                + "\n  ".join(found)
                + "\nName another run folder, or go on with the recipe that the folder was made with."
                + (" (Nothing was paid for in it: it can also be deleted.)" if untouched else "")
            )
    for name, fact in (("recipe", resolved), ("course", course)):
        if (told := json.dumps(fact)) != ledger.fact(name):
            ledger.state_fact(name, told)
    try:
        (ledger.folder / "recipe.yaml").write_text(recipe.as_yaml(), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{ledger.folder / 'recipe.yaml'} can't be written: {error.strerror}") from error


def _before(ledger: Ledger) -> dict[str, Any] | None:
    """The course that the folder was made with, by today's fields: one that is new has its default.

    But who the teacher is, it had found out then: from the environment, for one.
    """
    before: dict[str, Any] | None = json.loads(ledger.fact("course") or "null")
    try:
        made_with = Recipe.model_validate_json(ledger.fact("recipe") or "null")
    except ValidationError:
        return before
    return before and {**_course(made_with), "teacher": before["teacher"]}


def _course(recipe: Recipe) -> dict[str, Any]:
    """What decides how a run goes: not how patiently its teacher is asked, what it is called and what it costs."""
    teacher = {**recipe.teacher.identity(), "max_output_tokens": recipe.teacher.max_output_tokens}
    return {**recipe.resolved(), "teacher": teacher}


def hold_to_origin(ledger: Ledger, recipe: Recipe, student: Student) -> None:
    """Note what the run is made with. Raises RunFolderError where a base, template, prompt or mentor was another.

    Versions may differ from one start to the next: the last ones are noted.
    """
    origin = {
        "chat template": student.prompts.digest,
        "base": student.base_digest,
        "prompt": recipe.annotate.prompt_digest,
        "mentor": recipe.annotate.mentor and recipe.annotate.mentor.digest,
    }
    before = json.loads(ledger.fact("made with") or "{}")
    for what, name in origin.items():
        if before and ledger.last_round("train") and before.get(what) != name:
            raise RunFolderError(
                f"{ledger.folder}: its {what} is not what the run began with. Put it back where it was, or "
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
