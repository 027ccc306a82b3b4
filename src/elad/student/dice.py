"""What falls where something is drawn: numbers that follow from a key, so that they are the same in any batch."""

import hashlib

import numpy as np


def rolls(key: str, count: int, most: int) -> np.ndarray:
    """So many texts' dice, each a number from 0 to 1 a token: (count, most)."""
    digest = hashlib.sha256(key.encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little"))).random((count, most))
