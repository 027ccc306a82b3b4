"""Keep what is spread: evenly from clusters of the questions (k-means on the student's embeddings).

A control for IFD (arXiv 2308.12032), whose paper tries diversity alone; and how its brief experience is chosen.
"""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt

from elad.keep.share import Opinion, Share
from elad.records import Annotation
from elad.select.selector import lot
from elad.text import digest
from elad.turn import Turn


class Clusters(Share):
    """The same number from each of the `clusters`, by lot, whatever the answers are; more where some run out."""

    kind: Literal["clusters"] = "clusters"
    clusters: PositiveInt = 100

    def judge(self, turn: Turn, annotations: Sequence[Annotation]) -> list[Opinion]:
        """The first of every cluster before the second of any."""
        ids = [annotation.question.id for annotation in annotations]
        points = turn.student.embed([annotation.question for annotation in annotations])
        opinions: dict[int, Opinion] = {}
        for rows in clustered(points, self.clusters, turn.seed):
            for place, row in enumerate(sorted(rows, key=lambda row: lot(f"{turn.seed}/keep", ids[row]))):
                opinions[row] = Opinion(
                    -place, f"number {place + 1} of its cluster is not among the first {self.percent}"
                )
        return [opinions[row] for row in range(len(ids))]


def clustered(points: NDArray[np.floating[Any]], count: int, seed: str) -> list[list[int]]:
    """The rows of points (n x width) in so many clusters, fewer where there are fewer points; none is empty."""
    if not len(points):
        return []
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    means = KMeans(min(count, len(points)), n_init=10, random_state=int(digest(seed)[:8], 16))
    # threads would add up in whatever order they end; and questions that lie in one place are no news
    with threadpool_limits(1), warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        labels = means.fit_predict(points.astype(np.float64))
    return [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
