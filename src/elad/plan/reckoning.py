"""What questions will cost: expected, and at most."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple, Self

from elad.budget import Caps, Price, Usage

_TWO_SIDED_95 = 1.96


class Cost(NamedTuple):
    """Calls, tokens by class, and money (0 where no price is known), as sums and means of what usages come to."""

    calls: float = 0.0
    input_tokens: float = 0.0
    cached_tokens: float = 0.0
    output_tokens: float = 0.0
    reasoning_tokens: float = 0.0
    money: float = 0.0

    @classmethod
    def of(cls, usage: Usage, price: Price | None) -> Self:
        """What a usage comes to."""
        counts = {name: float(getattr(usage, name)) for name in cls._fields if name != "money"}
        return cls(**counts, money=float(price.of(usage)) if price else 0.0)

    @classmethod
    def mean(cls, costs: Sequence["Cost"]) -> Self:
        """The mean of some costs; nothing, of none."""
        return cls(*(fmean(column) for column in zip(*costs, strict=True)))

    @property
    def tokens(self) -> float:
        """Tokens of both classes."""
        return self.input_tokens + self.output_tokens

    def plus(self, other: "Cost", times: float) -> "Cost":
        """With another, so many times, on top."""
        return Cost(*(mine + times * its for mine, its in zip(self, other, strict=True)))

    def told(self, caps: Caps, *, priced: bool) -> dict[str, Any]:
        """As plain data, rounded, and as far as the caps let it grow."""
        output = min((cap for cap in (caps.tokens, caps.output_tokens) if cap is not None), default=None)
        told: dict[str, Any] = {
            "calls": _held(self.calls, caps.calls),
            "input_tokens": _held(self.input_tokens, caps.tokens),
            "output_tokens": _held(self.output_tokens, output),
            "tokens": _held(self.tokens, caps.tokens),
        }
        told |= {
            name: round(getattr(self, name)) for name in ("cached_tokens", "reasoning_tokens") if getattr(self, name)
        }
        money = self.money if caps.money is None else min(self.money, float(caps.money))
        return {**told, **({"money": f"{money:.6f}"} if priced else {})}


def _held(count: float, cap: int | None) -> int:
    return round(count) if cap is None else min(round(count), cap)


def margin(costs: Sequence[Cost]) -> float | None:
    """The half-width of the 95% interval of the mean's tokens, as a share of it; None of fewer than two."""
    tokens = [cost.tokens for cost in costs]
    if len(tokens) < 2 or not any(tokens):
        return None
    return _TWO_SIDED_95 * stdev(tokens) / math.sqrt(len(tokens)) / fmean(tokens)


def affordable(caps: Caps, spent: Cost, each: Cost) -> float:
    """How many questions at such a cost the caps have room for; infinitely many where they hold none of it."""
    room = math.inf
    for name in ("calls", "tokens", "output_tokens", "money"):
        cap, one = getattr(caps, name), getattr(each, name)
        if cap is not None and one:
            room = min(room, max(0.0, float(cap) - getattr(spent, name)) / one)
    return room
