"""Many continuations of one text in one sequence: the text is encoded once, and every branch sees its own part of it.

    stem      Question: Mia has ... Steps: | 12 + 5 = 17. | 17 - 3 = 14. | Answer: 14
    branches  ------------- at 20 --------> a sampled explanation
              ------------- at 29 ------------------------> a sampled rest

A batch entry is a stem. Its branches are further queries of the same sequence: each attends to the columns of its own
prefix and to those that it has added itself. So no prefix is copied, encoded or read twice, and a token more of all
branches is one forward pass (tree attention, as in SpecInfer, Miao et al. 2023, arXiv 2305.09781).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers.cache_utils import Cache, DynamicLayer


class Branch(NamedTuple):
    """A continuation of stem number `stem` behind its first `at` tokens, by at most `most`, dealt by its own dice."""

    stem: int
    at: int
    most: int
    dice: np.random.Generator


def grow(
    model: Any,
    stems: Sequence[Sequence[int]],
    branches: Sequence[Branch],
    *,
    pad: int,
    ends: frozenset[int],
    temperature: float,
) -> list[list[int]]:
    """Sample every branch; the token ids of each, without the end mark."""
    written: list[list[int]] = [[] for _ in branches]
    with torch.inference_mode():
        tree = _Tree(model, stems, branches, pad)
        while tree.lanes:
            logits = tree.step()
            ladder = (logits.double() / temperature).softmax(-1).cumsum(-1)
            rolls = tree.each(lambda index: branches[index].dice.random(), 0.0).to(ladder)
            tree.tokens = torch.searchsorted(ladder, (rolls * ladder[..., -1])[..., None]).squeeze(-1)
            for lanes, tokens in zip(tree.lanes, tree.tokens.tolist(), strict=True):
                for lane, (index, token) in enumerate(zip(lanes, tokens, strict=True)):
                    if index is None:
                        continue
                    if token not in ends:
                        written[index].append(token)
                    if token in ends or len(written[index]) == branches[index].most:
                        lanes[lane] = None
            tree.prune()
    return written


def can_grow(model: Any) -> bool:
    """Whether a model attends to branches as it does to a text of its own: tried out on a few tokens."""
    tokens, dice = list(range(1, 7)), np.random.default_rng(0)
    behind = [Branch(stem, at, 2, dice) for stem, at in ((0, 5), (0, 3), (1, 3))]
    try:
        with torch.inference_mode():
            plain = model(input_ids=torch.tensor([tokens], device=model.device)).logits[0].float()
            tree = _Tree(model, [tokens, tokens[:3]], behind, pad=0)
            tree.step()
            tree.tokens = torch.full((2, 2), tokens[3], device=model.device)
            logits = tree.step()
        return torch.allclose(logits[0, 1], plain[3], atol=1e-3) and torch.allclose(logits[1, 0], plain[3], atol=1e-3)
    except Exception:  # caches and masks of other kinds fail in ways of their own
        return False


class _Tree:
    """A batch of stems whose branches grow by a token a step.

    `lanes` (stems x lanes) says which branch each lane holds, None when it has ended. Columns of the cache: those of
    the stems, then for every step that was taken one for each lane.
    """

    def __init__(self, model: Any, stems: Sequence[Sequence[int]], branches: Sequence[Branch], pad: int) -> None:
        self._model = model
        self.lanes: list[list[int | None]] = [[] for _ in stems]
        for index, branch in enumerate(branches):
            self.lanes[branch.stem].append(index)
        width = max(map(len, self.lanes))
        for lanes in self.lanes:
            lanes += [None] * (width - len(lanes))
        at = self.each(lambda index: branches[index].at, 1).long()
        # the last token of a prefix is a branch's first query, so a stem is encoded up to the one before
        self._trunk = int(at.max()) - 1
        ids = torch.tensor([[*stem[: self._trunk], *[pad] * (self._trunk - len(stem))] for stem in stems])
        self.tokens = self.each(lambda index: stems[branches[index].stem][branches[index].at - 1], pad).long()
        self._positions = (at - 1).to(model.device)
        self.tokens = self.tokens.to(model.device)
        cache = model(input_ids=ids.to(model.device), use_cache=True, logits_to_keep=1).past_key_values
        if any(type(layer) is not DynamicLayer for layer in cache.layers):
            raise TypeError("a window that slides over the columns would slide over other branches' too")
        self._cache = _roomy([(layer.keys, layer.values) for layer in cache.layers], 16 * width)
        columns = torch.arange(self._trunk, device=model.device)
        self._seen = columns < self._positions[..., None]

    def each(self, value: Any, otherwise: float) -> torch.Tensor:
        """A number for every lane (stems, lanes): of its branch, or of none."""
        return torch.tensor(
            [[otherwise if index is None else value(index) for index in lanes] for lanes in self.lanes],
            dtype=torch.float64,
        )

    def step(self) -> torch.Tensor:
        """Read the lanes' tokens; the logits of the next (stems, lanes, vocabulary)."""
        own = torch.eye(self.tokens.shape[1], dtype=torch.bool, device=self.tokens.device)
        self._seen = torch.cat([self._seen, own.expand(len(self.lanes), -1, -1)], dim=-1)
        logits: torch.Tensor = self._model(
            input_ids=self.tokens,
            position_ids=self._positions,
            attention_mask=self._seen[:, None],
            past_key_values=self._cache,
            use_cache=True,
        ).logits
        self._positions = self._positions + 1
        return logits.float()

    def prune(self) -> None:
        """Let go of the lanes that have ended, once they are half of all."""
        alive = sum(index is not None for lanes in self.lanes for index in lanes)
        if alive > 1 / 2 * self.tokens.numel():
            return
        rows = [row for row, lanes in enumerate(self.lanes) if any(index is not None for index in lanes)]
        kept = [[lane for lane, index in enumerate(self.lanes[row]) if index is not None] for row in rows]
        self.lanes = [[self.lanes[row][lane] for lane in lanes] for row, lanes in zip(rows, kept, strict=True)]
        if not rows:
            return
        before, width = self.tokens.shape[1], max(map(len, kept))
        for lanes, held in zip(kept, self.lanes, strict=True):
            held += [None] * (width - len(lanes))
            lanes += lanes[:1] * (width - len(lanes))
        row, lane = torch.tensor(rows, device=self.tokens.device), torch.tensor(kept, device=self.tokens.device)
        self.tokens = self.tokens[row[:, None], lane]
        self._positions = self._positions[row[:, None], lane]
        steps = (self._seen.shape[-1] - self._trunk) // before
        # where the columns that stay stand: the trunk's, then step by step those of the lanes that stay
        grown = self._trunk + torch.arange(steps, device=lane.device)[:, None] * before + lane[:, None]
        stem = torch.arange(self._trunk, device=lane.device).expand(len(rows), -1)
        columns = torch.cat([stem, grown.flatten(1)], dim=1)[:, None, :, None]
        layers = []
        for layer in self._cache.layers:
            keys, values = layer.keys[row], layer.values[row]
            where = columns.expand(-1, keys.shape[1], -1, keys.shape[3])
            layers.append((keys.gather(2, where), values.gather(2, where)))
        self._cache = _roomy(layers, 16 * width)
        own = torch.eye(width, dtype=torch.bool, device=lane.device).repeat(1, steps)
        seen = self._seen[row[:, None], lane][..., : self._trunk]
        self._seen = torch.cat([seen, own.expand(len(rows), -1, -1)], dim=-1)


class _Roomy(DynamicLayer):  # type: ignore[misc]
    """Keys and values (rows, heads, columns, size) with room behind them: a column more is no copy of all before."""

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, room: int) -> None:
        super().__init__()
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self._used = 0
        self._held = [x.new_empty(*x.shape[:2], x.shape[2] + room, x.shape[3]) for x in (keys, values)]
        self.update(keys, values)

    def update(self, keys: torch.Tensor, values: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Add columns; all of them so far."""
        start, self._used = self._used, self._used + keys.shape[2]
        for number, new in enumerate((keys, values)):
            held = self._held[number]
            if self._used > held.shape[2]:
                self._held[number] = new.new_empty(*new.shape[:2], 2 * self._used, new.shape[3])
                self._held[number][:, :, :start] = held[:, :, :start]
            self._held[number][:, :, start : self._used] = new
        self.keys, self.values = (held[:, :, : self._used] for held in self._held)
        return self.keys, self.values


def _roomy(layers: Sequence[tuple[torch.Tensor, torch.Tensor]], room: int) -> Cache:
    return Cache(layers=[_Roomy(keys, values, room) for keys, values in layers])
