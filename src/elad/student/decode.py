"""Writing with a causal language model: what many continuations have in common is computed once.

    Question: ... Steps: | 12 + 5 = 17. | 17 - 3 = 14. | Answer: 14      the greedy text
                         |              '-- 17 - 2 = 15. | Answer: 15    a rest that was sampled from its second step
                         '-- 12 + 4 = 16. | ...                          a sampled text

Continuations that agree so far share a row of the batch. Where one draws another token, it goes on in a row of its own,
forked from the cache. A row that has ended makes room for a prompt that waits. What a continuation draws depends on its
own dice alone, so it comes out the same in any batch.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from elad.student.memory import halved
from elad.student.slots import Cached, Slots

_PART = 2**23
"""Probabilities that are worked on at a time: what sampling needs does not grow with vocabulary and batch."""


class Mark(NamedTuple):
    """What a greedy token came from, at temperature 1.

    `logprob`: its log-probability; `entropy`: that of the distribution (both in nats); `margin`: by how much it was
    more probable than the next likeliest token.
    """

    logprob: float
    entropy: float
    margin: float


@dataclass(eq=False, slots=True)
class Continuation:
    """A text that is written behind a prompt, by at most `most` tokens; the end mark is not among `tokens`.

    `source` is what an encoder reads, where the model has one.

    `rolls` are its dice, a number from 0 to 1 a token; without them it is greedy, and marks every token. `joined` is
    asked after each greedy token for continuations that start there. `share`: keep, when it ends, the keys and values
    of what was read. `embed`: note the mean of the last hidden states that its tokens came from. `owner`: whose it is.
    """

    prompt: Sequence[int]
    most: int
    source: Sequence[int] = ()
    rolls: Sequence[float] | None = None
    joined: Callable[["Continuation"], Iterable["Continuation"]] | None = None
    share: bool = False
    embed: bool = False
    owner: Any = None
    tokens: list[int] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    cached: Cached | None = None
    states: torch.Tensor | None = None

    @property
    def text(self) -> list[int]:
        """All tokens, the prompt's among them."""
        return [*self.prompt, *self.tokens]

    @property
    def last(self) -> int:
        """The token that is to be read next."""
        return self.tokens[-1] if self.tokens else self.prompt[-1]

    def take(self, token: int, ends: frozenset[int], came_from: "Greedy | None" = None) -> bool:
        """Go on by a token; whether there is more to come."""
        if token in ends:
            return False
        self.tokens.append(token)
        if came_from:
            self.marks.append(came_from.mark)
            if self.embed and came_from.state is not None:
                self.states = came_from.state if self.states is None else self.states + came_from.state
        return len(self.tokens) < self.most


class Greedy(NamedTuple):
    """The likeliest token, its mark, and the last hidden state (width) that it was predicted from."""

    token: int
    mark: Mark
    state: torch.Tensor | None


Row = list[Continuation]
"""Continuations with the same text so far, the greedy ones first."""


def _forks_to_come(row: Row) -> float:
    """How many slots a row may come to need: seldom do all part at once."""
    return 1 + math.log2(len(row))


class LastStates:
    """In a `with` block, the last hidden states that the model's head reads: of the last token of each row."""

    def __init__(self, model: Any, wanted: bool) -> None:
        self.last: torch.Tensor | None = None
        self._head = model.get_output_embeddings() if wanted else None

    def __enter__(self) -> None:
        self._hook = self._head.register_forward_pre_hook(self._keep) if self._head else None

    def __exit__(self, *_: object) -> None:
        if self._hook:
            self._hook.remove()

    def _keep(self, _: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        self.last = inputs[0][:, -1].detach()


class Writer:
    """Writes with at most `count` rows at a time; where memory does not hold that many, `count` is halved.

    No text is to become longer than `longest` tokens, its prompt's among them.
    """

    def __init__(
        self, model: Any, *, count: int, longest: int, pad: int, ends: frozenset[int], temperature: float = 1.0
    ) -> None:
        self.count = count
        self._longest = longest
        self._model = model
        self._pad = pad
        self._ends = ends
        self._temperature = temperature
        self._waiting: deque[Row] = deque()
        self._rows: list[Row] = []
        self._slots = Slots(model, count, longest, pad)
        self._states = LastStates(model, wanted=False)

    def write(self, continuations: Iterable[Continuation]) -> Iterator[Continuation]:
        """Each continuation, and each that joined one, as it ends. Raises InputError when not even one row fits."""
        alike: dict[tuple[int, ...], Row] = {}
        for continuation in sorted(continuations, key=lambda c: (-len(c.prompt), c.rolls is not None)):
            alike.setdefault(tuple(continuation.prompt), []).append(continuation)
        self._waiting.extend(alike.values())
        self._states = LastStates(self._model, wanted=any(row[0].embed for row in self._waiting))
        while self._waiting or self._rows:
            done: Row = []
            try:
                self._admit()
                with self._states:
                    logits = self._slots.step([row[0].last for row in self._rows])
                self._advance(logits, done)
            except (RuntimeError, MemoryError) as error:
                self._retreat(error)
            yield from done

    def _admit(self) -> None:
        """Let waiting texts in.

        Where there will be forks, half of the slots are kept for more of them than are expected: a fork that finds none
        has to be encoded again. Not before an eighth is free, so that several are encoded at once.
        """
        aim = self.count / 2 if any(len(row) > 1 for row in self._waiting) else self.count
        room = aim - sum(map(_forks_to_come, self._rows))
        if self._rows and room < aim / 8:
            return
        entering: list[Row] = []
        while self._waiting and (room > 0 or not self._rows) and len(self._rows) < self.count:
            entering.append(self._waiting.popleft())
            room -= _forks_to_come(entering[-1])
            self._rows.append(entering[-1])
        if entering:
            self._slots.fill([row[0].text for row in entering])

    def _advance(self, logits: torch.Tensor, done: Row) -> None:
        """Give every continuation its next token, and every row that goes on a slot."""
        greedy = likeliest(self._rows, logits, self._states.last)
        sampled = dealt(self._rows, logits, self._temperature)
        for slot, (token, *_) in greedy.items():
            for continuation in self._rows[slot]:
                if continuation.share and (token in self._ends or len(continuation.tokens) + 1 == continuation.most):
                    continuation.cached = self._slots.cached(slot)
        going: list[tuple[int, Row] | None] = []  # with the slot that the text comes from
        forks: list[tuple[int, Row]] = []
        for slot, row in enumerate(self._rows):
            rolled = iter(sampled.get(slot, ()))
            parted: dict[int, Row] = {}
            joined: list[tuple[int, Continuation]] = []
            for continuation in row:
                if continuation.rolls is not None:
                    token = next(rolled)
                    goes_on = continuation.take(token, self._ends)
                else:
                    token = greedy[slot].token
                    goes_on = continuation.take(token, self._ends, greedy[slot])
                if not goes_on:
                    done.append(continuation)
                    continue
                if token in parted:
                    parted[token].append(continuation)
                else:
                    parted[token] = [continuation]
                if continuation.joined:
                    joined += [(token, other) for other in continuation.joined(continuation)]
            for token, other in joined:  # behind all that are greedy
                parted[token].append(other)
            first, *others = parted.values() or [None]
            going.append((slot, first) if first else None)
            forks += [(slot, other) for other in others if other]
        self._arrange(going, forks)

    def _arrange(self, going: list[tuple[int, Row] | None], forks: list[tuple[int, Row]]) -> None:
        """Let forks, then the last rows, take the place of those that have ended; forks without a slot wait."""
        for slot, row in enumerate(going):
            if row is None and forks:
                going[slot] = forks.pop()
        while None in going:
            last = going.pop()
            if last is not None:
                going[going.index(None)] = last
        room = self.count - len(going)
        placed = [row for row in [*going, *forks[:room]] if row]
        self._rows = [row for _, row in placed]
        self._waiting.extendleft(row for _, row in forks[room:])
        self._slots.arrange([source for source, _ in placed])

    def _retreat(self, error: Exception) -> None:
        """Out of memory: let all rows wait, to be encoded again in half as many slots. What they wrote stays."""
        self.count = halved(self.count, error)
        self._waiting.extendleft(reversed(self._rows))
        self._rows = []
        self._slots = Slots(self._model, self.count, self._longest, self._pad)


def likeliest(rows: Sequence[Row], logits: torch.Tensor, states: torch.Tensor | None) -> dict[int, Greedy]:
    """The likeliest token of every row with a greedy continuation, and what it came from."""
    slots = [slot for slot, row in enumerate(rows) if row[0].rolls is None]
    found: dict[int, Greedy] = {}
    for part in _parts(slots, logits.shape[1]):
        logprobs = logits[part].float().log_softmax(-1)
        tokens = logprobs.argmax(-1)
        chosen = logprobs.gather(-1, tokens[:, None]).squeeze(-1)
        entropies = -(logprobs.exp() * logprobs).nan_to_num().sum(-1)
        first, second = logprobs.topk(2).values.exp().unbind(-1)
        marks = torch.stack([chosen, entropies, first - second], dim=-1).tolist()
        read = [None] * len(part) if states is None else states[part].float().cpu()
        for slot, token, mark, state in zip(part, tokens.tolist(), marks, read, strict=True):
            found[slot] = Greedy(token, Mark(*mark), state)
    return found


def dealt(rows: Sequence[Row], logits: torch.Tensor, temperature: float) -> dict[int, list[int]]:
    """For every row, the token that each of its sampled continuations draws, by where its roll falls."""
    rolls = {
        slot: [c.rolls[len(c.tokens)] for c in row if c.rolls is not None]
        for slot, row in enumerate(rows)
        if row[-1].rolls is not None
    }
    drawn: dict[int, list[int]] = {}
    for part in _parts(list(rolls), logits.shape[1]):
        widest = max(len(rolls[slot]) for slot in part)
        padded = torch.tensor(
            [rolls[slot] + [0.0] * (widest - len(rolls[slot])) for slot in part],
            dtype=torch.float64,
            device=logits.device,
        )
        ladder = (logits[part].double() / temperature).softmax(-1).cumsum(-1)
        tokens = torch.searchsorted(ladder, padded * ladder[:, -1:]).tolist()
        drawn.update((slot, of_row[: len(rolls[slot])]) for slot, of_row in zip(part, tokens, strict=True))
    return drawn


def _parts(slots: list[int], vocabulary: int) -> list[list[int]]:
    size = max(1, _PART // vocabulary)
    return [slots[start : start + size] for start in range(0, len(slots), size)]
