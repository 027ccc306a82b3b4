"""Select what would move the student far, and in other directions (after BADGE; Ash et al. 2020, arXiv 1906.03671)."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from elad.records import Attempt, Needs
from elad.select.embeddings import Floats, by_lot, embedding, squared_distances
from elad.select.scores import token_doubt
from elad.select.selector import Selector
from elad.text import digest


class Badge(Selector):
    """k-means++ seeding on gradients that the last layer would have, if what the student wrote were right.

    The paper's gradient is that of a classifier, a block a class; the predicted class's is its embedding times the
    probability that was left for others. A text has a token after another, and a block a word. So what stands for the
    gradient here is ours: the mean embedding of the explanation, times one minus the geometric mean of its tokens'
    probabilities; times one without an answer.
    """

    kind: Literal["badge"] = "badge"

    @property
    def needs(self) -> Needs:
        """Embeddings."""
        return Needs(embedding=True)

    def score(self, attempt: Attempt) -> float:
        """The length of the gradient."""
        return float(np.linalg.norm(gradient(attempt)))

    def choose(self, attempts: Iterable[Attempt], count: int, seed: str) -> list[str]:
        """The ids of `count` attempts (all, if there are fewer), of large gradients that differ."""
        ids, gradients = by_lot(attempts, seed, gradient)
        return [ids[row] for row in spread_seeds(gradients, count, np.random.default_rng(int(digest(seed), 16)))]


def gradient(attempt: Attempt) -> Floats:
    """What stands for the gradient of the last layer (width)."""
    return embedding(attempt) * np.float32(token_doubt(attempt))


def spread_seeds(points: Floats, count: int, dice: np.random.Generator) -> list[int]:
    """The rows of `count` points (n x width), by k-means++ seeding (Arthur & Vassilvitskii 2007).

    The first is the longest, as in the authors' code; each other is drawn with a chance that grows with its squared
    distance to the nearest of those before it. Where all that is left lies on one of them, it comes in its order.
    """
    count = min(count, len(points))
    rows = [int(squared_distances(points, np.zeros_like(points[0])).argmax())] if count else []
    nearest = np.full(len(points), np.inf)
    while len(rows) < count:
        np.minimum(nearest, squared_distances(points, points[rows[-1]]), out=nearest)
        reach = nearest.cumsum()
        if not reach[-1]:
            taken = set(rows)
            return rows + [row for row in range(len(points)) if row not in taken][: count - len(rows)]
        rows.append(int(reach.searchsorted(dice.random() * reach[-1], side="right")))
    return rows
