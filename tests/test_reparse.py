"""A parser that was wrong costs no answer: kept replies are read again, without a call."""

from pathlib import Path
from typing import Any

import pytest

from elad.errors import RunFolderError
from elad.ledger import Ledger
from elad.loop import distil
from elad.recipe import Recipe
from elad.reparse import reparse
from elad.report import annotations
from elad.teacher import BadReply, Solver, replies
from tests.runs import contents


def broken(reply: str) -> Any:
    raise BadReply("the parser of yesterday can't read this")


def test_what_a_newer_parser_reads_is_annotated_without_a_call(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distil(recipe, tmp_path / "right")
    monkeypatch.setattr(replies, "_object", broken)
    monkeypatch.setattr("elad.annotate.revise.read_revision", lambda *_: broken(""))
    distil(recipe, tmp_path / "run")
    monkeypatch.undo()
    monkeypatch.setattr(Solver, "ask", broken)  # nobody is to be asked
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert ledger.counts()["unusable"] == 9
        calls = ledger.calls.spent()
        assert calls.calls == 18, "each was asked for once more"
    found = reparse(tmp_path / "run")["found"]
    assert len(found) == 9
    with Ledger(tmp_path / "run", read_only=True) as ledger:
        assert ledger.counts()["annotated"] == 9
        assert ledger.calls.spent() == calls
        assert {annotation.question.id for annotation in annotations(ledger)} == set(found)
        first = annotations(ledger)[:3]
    with Ledger(tmp_path / "right", read_only=True) as ledger:
        assert [(a.question, a.verdict, a.target) for a in first] == [
            (a.question, a.verdict, a.target) for a in annotations(ledger)[:3]
        ], "in the first round, as the parser of today would have read it"
    assert reparse(tmp_path / "run")["found"] == []


def test_what_is_read_again_is_trained_on_in_the_rounds_to_come(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elad import loop

    class Stop(Exception):
        """After the first round."""

    def stop(*_: object) -> Any:
        raise Stop

    lessons = []
    trained, verdict = loop._train, loop._verdict
    monkeypatch.setattr(loop, "_verdict", stop)
    monkeypatch.setattr("elad.annotate.revise.read_revision", lambda *_: broken(""))
    with pytest.raises(Stop):
        distil(recipe, tmp_path)
    monkeypatch.undo()
    assert len(reparse(tmp_path)["found"]) == 3

    def noted(run: Any, turn: Any, new: Any) -> Any:
        lessons.append([annotation.question.id for annotation in turn.earlier])
        return trained(run, turn, new)

    monkeypatch.setattr(loop, "_train", noted)
    assert verdict is loop._verdict
    distil(recipe, tmp_path)
    assert len(lessons[0]) == 3, "the second round rehearses what was found of the first"


def test_where_nothing_is_to_be_read_nothing_changes(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for folder in ("nowhere", "photos"):
        with pytest.raises(RunFolderError, match="is no run folder"):
            reparse(tmp_path / folder)
    assert not list((tmp_path / "photos").iterdir()), "looking at a folder makes it no run's"
    distil(recipe, tmp_path / "run")
    before = contents(tmp_path / "run")
    assert reparse(tmp_path / "run") == {"found": []}
    assert contents(tmp_path / "run") == before
    with Ledger(tmp_path / "run"), pytest.raises(RunFolderError, match="in use"):
        reparse(tmp_path / "run")
