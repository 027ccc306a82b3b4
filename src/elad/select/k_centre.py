"""Select what lies far from all that is selected (greedy k-centre; Sener & Savarese 2018, arXiv 1708.00489)."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from elad.records import Attempt, Needs
from elad.select.embeddings import Floats, by_lot, embedding, squared_distances
from elad.select.selector import Selector


class KCentre(Selector):
    """A batch that lies close to every candidate, whatever the student doubts, by Euclidean distance of embeddings.

    It begins with a candidate by lot. In the paper what is annotated already is among the centres. Here it is not: its
    embeddings are those of the student that there was then, and training has moved them since.
    """

    kind: Literal["k_centre"] = "k_centre"

    @property
    def needs(self) -> Needs:
        """Embeddings."""
        return Needs(embedding=True)

    def score(self, attempt: Attempt) -> float | None:
        """None: an attempt is far only from others."""
        return None

    def choose(self, attempts: Iterable[Attempt], count: int, seed: str) -> list[str]:
        """The ids of `count` attempts (all, if there are fewer), each the farthest from those before it."""
        ids, points = by_lot(attempts, seed, embedding)
        return [ids[row] for row in farthest_first(points, count)]


def farthest_first(points: Floats, count: int, centres: Iterable[Floats] = ()) -> list[int]:
    """The rows of `count` points (n x width), each the farthest from its nearest centre, and then a centre itself.

    Where there is no centre yet, the first row is the first. Equally far ones come in their order.
    """
    nearest = np.full(len(points), np.inf, np.float32)
    for centre in centres:
        np.minimum(nearest, squared_distances(points, centre), out=nearest)
    rows: list[int] = []
    while len(rows) < min(count, len(points)):
        rows.append(int(nearest.argmax()))
        np.minimum(nearest, squared_distances(points, points[rows[-1]]), out=nearest)
        nearest[rows[-1]] = -1  # nearer than any other, also than one that lies in the same place
    return rows
