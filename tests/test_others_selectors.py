"""Selectors beside an independent library's, small-text (Schröder et al. 2023), on the same inputs.

What it chose stands below, so that the fast tests hold to it too: small-text 1.4.1 with numpy 2.4.6 and scikit-learn
1.9.1, as the slow tests here call it (`pip install small-text==1.4.1`, then `make slow`).
"""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from elad.records import Attempt, Evidence, Explanation, Question
from elad.select import Entropy, KCentre, LeastConfidence, Margin, Selector
from elad.select.k_centre import farthest_first
from elad.select.selector import lot
from elad.student.decode import Continuation, likeliest
from elad.student.spans import Span

POINTS = np.random.RandomState(7).normal(size=(60, 8)).astype(np.float32)
"""Embeddings. The streams of `RandomState` are frozen."""

LABELLED = POINTS[:3] + np.float32(0.5)
"""Of what is annotated already."""

LOGITS = np.random.RandomState(8).normal(scale=2, size=(80, 12)).astype(np.float32)
"""What a head says of the next token, of which twelve are possible."""

SEED = "cross-check"
FIRST = min(range(len(POINTS)), key=lambda row: lot(SEED, str(row)))

FARTHEST = [48, 5, 4, 44, 52, 43, 34, 24, 19, 30, 20, 46, 7, 57, 35]
"""What small-text chooses beside what is annotated already, one after another."""

FARTHEST_FROM_FIRST = [4, 43, 39, 24, 5, 35, 52, 12, 48, 57, 50, 7, 44, 46]
"""The same beside nothing but the point that comes first by lot."""

DOUBTED = {
    "PredictionEntropy": [11, 12, 18, 32, 33, 38, 43, 50, 53, 55, 61, 65, 66, 72, 79],
    "BreakingTies": [12, 17, 18, 25, 33, 46, 55, 61, 64, 72, 73, 74, 76, 77, 79],
    "LeastConfidence": [12, 18, 32, 33, 38, 43, 46, 50, 61, 65, 66, 72, 73, 77, 79],
}
"""The fifteen that it chooses of the table, by the name of its strategy."""

SELECTORS: dict[str, Selector] = {
    "PredictionEntropy": Entropy(),
    "BreakingTies": Margin(),
    "LeastConfidence": LeastConfidence(),
}
"""Ours, by the names of small-text's."""


def asked(row: int, evidence: Evidence) -> Attempt:
    said = Explanation(steps=(), answer="7")
    return Attempt(question=Question(id=str(row), text=str(row)), explanation=said, evidence=evidence)


def embedded() -> list[Attempt]:
    return [asked(row, Evidence(steps=(), embedding=tuple(point))) for row, point in enumerate(POINTS.tolist())]


def answered() -> list[Attempt]:
    """Attempts whose answer is one token, marked as the student's writer marks what it writes."""
    rows = [[Continuation(prompt=[0], most=1)] for _ in LOGITS]
    marks = [greedy.mark for greedy in likeliest(rows, torch.tensor(LOGITS), None).values()]
    return [asked(row, Evidence(steps=(), answer=Span(0, 1).evidence([mark]))) for row, mark in enumerate(marks)]


def test_k_centre_chooses_as_small_text_did() -> None:
    assert farthest_first(POINTS, 15, centres=LABELLED) == FARTHEST
    assert KCentre().choose(embedded(), 15, SEED) == list(map(str, [FIRST, *FARTHEST_FROM_FIRST]))


@pytest.mark.parametrize("name", SELECTORS)
def test_doubt_chooses_as_small_text_did(name: str) -> None:
    assert sorted(map(int, SELECTORS[name].choose(answered(), 15, SEED))) == DOUBTED[name]


def small_text() -> Any:
    """Its query strategies, which warn of this and that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        missing = "small-text is not installed: pip install small-text==1.4.1"
        return pytest.importorskip("small_text.query_strategies", reason=missing)


@pytest.mark.slow
def test_what_small_text_chooses_of_points() -> None:
    from_labelled = greedy(LABELLED, 15)
    assert from_labelled == farthest_first(POINTS, 15, centres=LABELLED) == FARTHEST
    assert greedy(POINTS[[FIRST]], 14) == FARTHEST_FROM_FIRST


def greedy(labelled: Any, count: int) -> list[int]:
    """Its greedy coreset. It takes for indices of all what are those of the unlabelled, so these stand first."""
    core = small_text().coresets.greedy_coreset
    everything = np.concatenate([POINTS, labelled])
    rows = np.arange(len(everything))
    chosen = core(everything, rows[: len(POINTS)], rows[len(POINTS) :], count, distance_metric="euclidean")
    return [int(row) for row in chosen]


class Fixed:
    """A classifier that says what the table says."""

    def predict_proba(self, dataset: Any) -> Any:
        return np.exp(dataset) / np.exp(dataset).sum(1, keepdims=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", SELECTORS)
def test_what_small_text_chooses_of_doubts(name: str) -> None:
    strategy = getattr(small_text(), name)()
    table = LOGITS.astype(np.float64)
    rows, none = np.arange(len(table)), np.array([], dtype=int)
    assert sorted(map(int, strategy.query(Fixed(), table, rows, none, none, n=15))) == DOUBTED[name]
    ours = np.array([SELECTORS[name].score(attempt) for attempt in answered()])
    theirs = strategy.scores_ if name == "PredictionEntropy" else 1 - strategy.scores_
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
