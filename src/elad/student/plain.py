"""Writing by the model's own `generate`, each continuation from a prompt of its own: for whatever can't be forked."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from elad.student.decode import Continuation, LastStates, dealt, halved, likeliest
from elad.student.slots import Slots


class PlainWriter:
    """Writes what `Writer` writes, with at most `count` rows at a time, more slowly."""

    def __init__(self, model: Any, *, count: int, pad: int, ends: frozenset[int], temperature: float = 1.0) -> None:
        self.count = count
        self._model = model
        self._pad = pad
        self._ends = ends
        self._temperature = temperature

    def write(self, continuations: Iterable[Continuation]) -> Iterator[Continuation]:
        """Each continuation, and each that joined one, as it ends. Raises InputError when not even one row fits."""
        waiting = list(continuations)
        while waiting:
            waiting.sort(key=lambda continuation: len(continuation.source) + len(continuation.prompt))
            batch = waiting[: self.count]
            states = LastStates(self._model, wanted=any(continuation.embed for continuation in batch))
            dealer = _Dealer(batch, self._ends, self._temperature, states)
            try:
                with states:
                    self._generate(batch, dealer)
            except (RuntimeError, MemoryError) as error:
                self.count = halved(self.count, error)
            going = [continuation for continuation, on in zip(batch, dealer.going, strict=True) if on]
            waiting = going + waiting[len(batch) :] + dealer.joined
            yield from (continuation for continuation, on in zip(batch, dealer.going, strict=True) if not on)

    def _generate(self, batch: Sequence[Continuation], dealer: "_Dealer") -> None:
        texts, seen = self._padded([continuation.text for continuation in batch])
        if self._model.config.is_encoder_decoder:
            sources, read = self._padded([continuation.source for continuation in batch])
            inputs = {
                "input_ids": sources, "attention_mask": read,
                "decoder_input_ids": texts, "decoder_attention_mask": seen,
            }  # fmt: skip
        else:
            inputs = {"input_ids": texts, "attention_mask": seen}
        self._model.generate(
            **inputs,
            generation_config=GenerationConfig(
                max_new_tokens=max(continuation.most - len(continuation.tokens) for continuation in batch),
                eos_token_id=sorted(self._ends),
                pad_token_id=self._pad,
            ),
            logits_processor=LogitsProcessorList([dealer]),
        )

    def _padded(self, texts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        width = max(map(len, texts))
        ids = [[*[self._pad] * (width - len(text)), *text] for text in texts]
        seen = [[0] * (width - len(text)) + [1] * len(text) for text in texts]
        return torch.tensor(ids, device=self._model.device), torch.tensor(seen, device=self._model.device)


class _Dealer(LogitsProcessor):  # type: ignore[misc]
    """Leaves `generate` no choice but the token that a continuation takes; those that are done end."""

    def __init__(
        self, batch: Sequence[Continuation], ends: frozenset[int], temperature: float, states: LastStates
    ) -> None:
        self.going = [True] * len(batch)
        self.joined: list[Continuation] = []
        self._batch = batch
        self._ends = ends
        self._temperature = temperature
        self._states = states

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        live = [place for place, on in enumerate(self.going) if on]
        rows, logits = [[self._batch[place]] for place in live], scores[live]
        greedy = likeliest(rows, logits, None if self._states.last is None else self._states.last[live])
        sampled = dealt(rows, logits, self._temperature)
        tokens = [min(self._ends)] * len(self._batch)
        for slot, place in enumerate(live):
            continuation, came_from = self._batch[place], greedy.get(slot)
            token = came_from.token if came_from else sampled[slot][0]
            self.going[place] = continuation.take(token, self._ends, came_from)
            if self.going[place]:
                tokens[place] = token
                self.joined += continuation.joined(continuation) if continuation.joined else ()
        left = torch.full_like(scores, -torch.inf)
        return left.scatter_(1, torch.tensor(tokens, device=scores.device)[:, None], 0.0)


def can_fork(model: Any) -> bool:
    """Whether a model writes from a slot, filled or forked, what it writes from a text of its own: tried out."""
    if model.config.is_encoder_decoder:
        return False
    tokens = list(range(1, 9))
    try:
        slots = Slots(model, 3, 0)
        slots.fill([tokens[:3], tokens[:5]])
        slots.step([tokens[2], tokens[4]])
        slots.arrange([1, 0, 1])
        logits = slots.step([tokens[5], tokens[3], tokens[6]])
        with torch.inference_mode():
            for row, text in enumerate((tokens[:6], tokens[:4], [*tokens[:5], tokens[6]])):
                plain = model(input_ids=torch.tensor([text], device=model.device)).logits[0, -1]
                if not torch.allclose(logits[row].float(), plain.float(), atol=1e-3):
                    return False
    except Exception:  # caches and masks of other kinds fail in ways of their own
        return False
    return True
