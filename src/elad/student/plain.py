"""Writing by the model's own `generate`, each continuation from a prompt of its own: for whatever can't be forked."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from elad.student.decode import Continuation, LastStates, dealt, likeliest
from elad.student.memory import halved
from elad.student.padding import padded


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
        device = self._model.device
        texts, seen = padded([continuation.text for continuation in batch], self._pad, device, left=True)
        inputs = {"input_ids": texts, "attention_mask": seen}
        if self._model.config.is_encoder_decoder:
            sources, read = padded([continuation.source for continuation in batch], self._pad, device)
            inputs = {
                "input_ids": sources, "attention_mask": read,
                "decoder_input_ids": texts, "decoder_attention_mask": seen,
            }  # fmt: skip
        settings, self._model.generation_config = self._model.generation_config, GenerationConfig()
        try:  # what the model's own settings say, a penalty for repeating itself, would change what is read
            self._model.generate(
                **inputs,
                generation_config=GenerationConfig(
                    # no further than all of them may go, since those that have ended are taken along
                    max_new_tokens=min(continuation.most - len(continuation.tokens) for continuation in batch),
                    eos_token_id=sorted(self._ends),
                    pad_token_id=self._pad,
                    decoder_start_token_id=getattr(self._model.config, "decoder_start_token_id", None),
                ),
                logits_processor=LogitsProcessorList([dealer]),
            )
        finally:
            self._model.generation_config = settings


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
