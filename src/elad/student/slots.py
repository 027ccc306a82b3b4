"""The keys and values of all texts in flight, a slot a text: slots are filled, forked and freed while others go on.

columns   0 ........................ cursor
slot 0    . . . Q u e s t i o n 1 2 |        every text ends at the cursor, so a token more of all of them
slot 1    . . . . . Q u e s t i o n |        is one column more, and what a text attends to stands without gaps
                                             (windows that slide and positions that are relative hold)
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from elad.errors import EladError
from elad.student.memory import SPARE, at_a_time
from elad.student.padding import padded

Cached = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of one text, a layer each: (heads, tokens, size)."""


class Slots:
    """Room for `count` texts of up to `longest` tokens; the slots in use are the first ones, without gaps."""

    def __init__(self, model: Any, count: int, longest: int, pad: int) -> None:
        self._model = model
        self._count = count
        self._columns = longest + SPARE
        self._pad = pad
        self._cursor = 0
        self._lengths: list[int] = []  # with the token that is read next
        self._layers: list[Layer] = []

    @torch.inference_mode()
    def fill(self, texts: Sequence[Sequence[int]]) -> None:
        """Encode texts into slots behind those in use, all but their last tokens, which are to be read next."""
        longest = max(map(len, texts))
        if self._cursor < longest:
            self._move(longest)
        rows = max(1, at_a_time(self._model) // longest)
        for start in range(0, len(texts), rows):
            self._encode([text[:-1] for text in texts[start : start + rows]])

    def _encode(self, texts: Sequence[Sequence[int]]) -> None:
        ids, mask = padded(texts, self._pad, self._model.device, left=True)
        cache = DynamicCache()  # every layer is held whole, also those with a window: the masks see to that
        self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        if not self._layers:
            self._layers = [Layer(layer.keys, layer.values, self._count, self._columns) for layer in _whole(cache)]
        for held, new in zip(self._layers, cache.layers, strict=True):
            held.put(len(self._lengths), self._cursor, new.keys, new.values)
        self._lengths += [len(text) + 1 for text in texts]

    @torch.inference_mode()
    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """Read a token behind each slot's text; the logits of the next (slots, vocabulary)."""
        longest = max(self._lengths)
        if self._cursor == self._columns:
            self._move(longest)
        start = self._cursor + 1 - longest
        for layer in self._layers:
            layer.show(len(tokens), start, self._cursor)
        self._cursor += 1
        lengths = self._tensor(self._lengths)[:, None]
        columns = torch.arange(start, self._cursor, device=lengths.device)
        logits: torch.Tensor = self._model(
            input_ids=self._tensor(tokens)[:, None],
            attention_mask=(columns >= self._cursor - lengths).long(),
            position_ids=lengths - 1,
            past_key_values=Cache(layers=self._layers),
            use_cache=True,
        ).logits
        self._lengths = [length + 1 for length in self._lengths]
        return logits[:, -1]

    @torch.inference_mode()
    def arrange(self, sources: Sequence[int]) -> None:
        """Let slot after slot take over the text of a slot: texts are forked so, and those not named let go."""
        moves = [(source, slot) for slot, source in enumerate(sources) if source != slot]
        self._lengths = [self._lengths[source] for source in sources]
        if not moves:
            return
        start = self._cursor + 1 - max(self._lengths[slot] for _, slot in moves)
        taken, given = self._tensor(moves).T
        for layer in self._layers:
            for held in layer.held:
                held[given, :, start : self._cursor] = held[taken, :, start : self._cursor]

    def cached(self, slot: int) -> Cached:
        """A copy of what is held of a slot's text: of all its tokens that were read."""
        span = slice(self._cursor + 1 - self._lengths[slot], self._cursor)
        return [(layer.held[0][slot, :, span].clone(), layer.held[1][slot, :, span].clone()) for layer in self._layers]

    def _move(self, cursor: int) -> None:
        """Have all texts end further left, or further right where longer ones are to come."""
        longest = max(self._lengths, default=1)
        cursor = max(cursor, longest)
        for layer in self._layers:
            layer.move(len(self._lengths), self._cursor + 1 - longest, self._cursor, cursor)
        self._cursor = cursor

    def _tensor(self, values: Sequence[Any]) -> torch.Tensor:
        return torch.tensor(values, device=self._model.device)


def _whole(cache: Cache) -> list[DynamicLayer]:
    """A cache's layers. Raises TypeError where one is of another kind than keys and values of all that was read."""
    for layer in cache.layers:
        if type(layer) is not DynamicLayer:
            raise TypeError(f"a cache of {type(layer).__name__} can't be held in slots")
    return list(cache.layers)


class Layer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values, (slots, heads, columns, size) each; the model sees those that are shown to it.

    It is made with room for such keys and values (..., heads, any, size).
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, slots: int, columns: int) -> None:
        super().__init__()
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self.held = [_zeros(x, slots, x.shape[-3], columns, x.shape[-1]) for x in (keys, values)]

    def put(self, slot: int, cursor: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Let new texts end at the cursor, from a slot on."""
        for held, new in zip(self.held, (keys, values), strict=True):
            held[slot : slot + new.shape[0], :, cursor - new.shape[2] : cursor] = new

    def move(self, width: int, start: int, stop: int, cursor: int) -> None:
        """Have the columns from start to stop end at the cursor."""
        for held in self.held:
            held[:width, :, cursor - (stop - start) : cursor] = held[:width, :, start:stop].clone()

    def show(self, width: int, start: int, stop: int) -> None:
        """The first slots, and their columns from start to stop (exclusive)."""
        self._shown = width, start, stop
        self.keys, self.values = (held[:width, :, start:stop] for held in self.held)

    def update(self, keys: torch.Tensor, values: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Add a column behind what is shown, and show it too."""
        width, start, stop = self._shown
        for held, new in zip(self.held, (keys, values), strict=True):
            held[:width, :, stop : stop + new.shape[2]] = new
        self.show(width, start, stop + keys.shape[2])
        return self.keys, self.values


def _zeros(like: torch.Tensor, *shape: int) -> torch.Tensor:
    """Zeros: what is masked is still multiplied by nothing, and nothing times no number is no number.

    On a CPU they are had from numpy, whose memory is none until it is written to.
    """
    if like.device.type != "cpu":
        return like.new_zeros(shape)
    raw = np.zeros(math.prod(shape) * like.element_size(), dtype=np.uint8)
    return torch.from_numpy(raw).view(like.dtype).view(shape)


def can_fork(model: Any) -> bool:
    """Whether a model writes from a slot, filled or forked, what it writes from a text of its own: tried out."""
    if model.config.is_encoder_decoder:
        return False
    tokens = [number % model.config.get_text_config().vocab_size for number in range(1, 9)]
    try:
        slots = Slots(model, 3, len(tokens), 0)
        slots.fill([tokens[:3], tokens[:5]])
        slots.step([tokens[2], tokens[4]])
        slots.arrange([1, 0, 1])
        logits = slots.step([tokens[5], tokens[3], tokens[6]])
        with torch.inference_mode():
            for row, text in enumerate((tokens[:6], tokens[:4], [*tokens[:5], tokens[6]])):
                plain = model(input_ids=torch.tensor([text], device=model.device)).logits[0, -1]
                if not torch.allclose(logits[row].float(), plain.float(), atol=1e-3):
                    return False
    except (EladError, torch.OutOfMemoryError, MemoryError):
        raise
    except Exception:  # caches and masks of other kinds fail in ways of their own
        return False
    return True
