"""Embeddings of many attempts side by side, and how far they lie from one another."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from elad.records import Attempt
from elad.select.selector import lot

Floats = NDArray[np.float32]

_BLOCK = 1024
"""Points whose distances are taken at a time: the gaps between would else need as much memory as all points."""


def embedding(attempt: Attempt) -> Floats:
    """Its embedding (width); of no width where the student wrote nothing."""
    return np.asarray(attempt.evidence.embedding, np.float32)


def stacked(vectors: Sequence[Floats]) -> Floats:
    """Vectors as the rows of one array (n x width); those of no width are zero."""
    points = np.zeros((len(vectors), max(map(len, vectors), default=0)), np.float32)
    for point, vector in zip(points, vectors, strict=True):
        point[: len(vector)] = vector
    return points


def by_lot(attempts: Iterable[Attempt], seed: str, vector: Callable[[Attempt], Floats]) -> tuple[list[str], Floats]:
    """The ids of attempts and a vector of each (n x width), in the order of their lots, however they come.

    No more of an attempt is held than this, so a round may have very many.
    """
    found = sorted((lot(seed, attempt.question.id), attempt.question.id, vector(attempt)) for attempt in attempts)
    return [id for _, id, _ in found], stacked([vector for *_, vector in found])


def squared_distances(points: Floats, to: Floats) -> Floats:
    """Squared Euclidean distance of each of the points (n x width) to one (width); of equal ones exactly 0."""
    distances = np.empty(len(points), np.float32)
    for start in range(0, len(points), _BLOCK):
        gaps = points[start : start + _BLOCK] - to
        distances[start : start + _BLOCK] = np.einsum("ij,ij->i", gaps, gaps)
    return distances
