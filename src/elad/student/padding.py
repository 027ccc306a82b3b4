"""Rows of unlike length as one tensor."""

from collections.abc import Sequence

import torch


def padded(
    rows: Sequence[Sequence[int]], pad: int, device: torch.device, *, left: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (rows, longest, at least 1), padded on the right or the left, and 1 where there is one, 0 elsewhere."""
    width = max(1, *map(len, rows))
    gaps = [width - len(row) for row in rows]
    if left:
        ids = [[*[pad] * gap, *row] for row, gap in zip(rows, gaps, strict=True)]
        seen = [[0] * gap + [1] * (width - gap) for gap in gaps]
    else:
        ids = [[*row, *[pad] * gap] for row, gap in zip(rows, gaps, strict=True)]
        seen = [[1] * (width - gap) + [0] * gap for gap in gaps]
    return torch.tensor(ids, device=device), torch.tensor(seen, device=device)
