"""What must not be overspent: reserve a call's upper bound before it is made, settle what it cost after.

At any instant settled + reserved + the next call's bound stays within every cap, whatever the concurrency.
"""

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from elad.records import Record

_MILLION = Decimal(1_000_000)


class Usage(Record):
    """Calls and tokens, spent or about to be, by class.

    Of the input, `cached_tokens` had been read by the endpoint before and `written_tokens` were written to its cache;
    of the output, `reasoning_tokens` were thought and not said; `batched` is what of all this went through a batch.
    `untold_calls` are those whose cost was not told, so that they count at the most that they can have cost.
    """

    calls: int = Field(0, ge=0)
    input_tokens: int = Field(0, ge=0)
    output_tokens: int = Field(0, ge=0)
    cached_tokens: int = Field(0, ge=0)
    written_tokens: int = Field(0, ge=0)
    reasoning_tokens: int = Field(0, ge=0)
    untold_calls: int = Field(0, ge=0)
    batched: "Usage | None" = None

    @model_validator(mode="after")
    def _parts_fit_the_whole(self) -> Self:
        if self.cached_tokens + self.written_tokens > self.input_tokens or self.reasoning_tokens > self.output_tokens:
            raise ValueError("a class has more tokens than the whole that it is a part of")
        return self

    def __add__(self, other: "Usage") -> "Usage":
        summed = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        one, two = self.batched, other.batched
        batched = one + two if one and two else one or two
        return Usage.model_construct(**summed, batched=batched)  # what is a sum of sound usages is sound

    def __sub__(self, other: "Usage") -> "Usage":
        """Without what was added before."""
        left = {name: getattr(self, name) - getattr(other, name) for name in _COUNTS}
        batched = self.batched - (other.batched or Usage()) if self.batched else None
        return Usage.model_construct(**left, batched=batched)

    @property
    def tokens(self) -> int:
        """Tokens of all classes."""
        return self.input_tokens + self.output_tokens

    def as_json(self) -> str:
        """As it is kept: what is 0 is left out."""
        return self.model_dump_json(exclude_defaults=True)

    def in_a_batch(self) -> "Usage":
        """The same, gone through a batch."""
        return self.model_copy(update={"batched": self.by_itself()})

    def by_itself(self) -> "Usage":
        """The same, gone through no batch."""
        return self.model_copy(update={"batched": None})


_COUNTS = [name for name in Usage.model_fields if name != "batched"]


class Price(Record):
    """What a million tokens cost, by class, in the currency of the budget.

    `cached`: of input that the endpoint had read before, never dearer than other input; `written`: of input that it
    writes to its cache, never cheaper; `reasoning`: of output that is thought, never cheaper than what is said. None:
    the same as the other. `batch`: the share of all this that is paid for what goes through a batch.
    """

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached: Decimal | None = Field(None, ge=0)
    written: Decimal | None = Field(None, ge=0)
    reasoning: Decimal | None = Field(None, ge=0)
    batch: Decimal = Field(Decimal(1), ge=0, le=1)

    @model_validator(mode="after")
    def _classes_are_in_order(self) -> Self:
        if self.cached is not None and self.cached > self.input:
            raise ValueError("cached: input that was read before can't cost more than other input")
        if self.written is not None and self.written < self.input:
            raise ValueError("written: input that is written to a cache can't cost less than other input")
        if self.reasoning is not None and self.reasoning < self.output:
            raise ValueError("reasoning: output that is thought can't cost less than what is said")
        return self

    def of(self, usage: Usage) -> Decimal:
        """The price of a usage, exact."""
        cached, written = _or(self.cached, self.input), _or(self.written, self.input)
        parts = (
            (usage.input_tokens - usage.cached_tokens - usage.written_tokens) * self.input,
            usage.cached_tokens * cached,
            usage.written_tokens * written,
            (usage.output_tokens - usage.reasoning_tokens) * self.output,
            usage.reasoning_tokens * _or(self.reasoning, self.output),
        )
        rebate = (1 - self.batch) * self.of(usage.batched) if usage.batched else 0
        return sum(parts, Decimal(0)) / _MILLION - rebate


def _or(price: Decimal | None, other: Decimal) -> Decimal:
    return other if price is None else price


class Caps(Record):
    """The most that a whole run may spend, resumes included; None is no cap. Tokens count both classes."""

    money: Decimal | None = Field(None, ge=0)
    tokens: int | None = Field(None, ge=0)
    output_tokens: int | None = Field(None, ge=0)
    calls: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _some_cap(self) -> Self:
        if all(cap is None for cap in (self.money, self.tokens, self.output_tokens, self.calls)):
            raise ValueError("names no cap: give at least one of money, tokens, output_tokens, calls")
        return self


class Budget:
    """What is left of the caps. `spent` is settled; `held` is set aside for calls under way."""

    def __init__(self, caps: Caps, price: Price | None, spent: Usage | None = None) -> None:
        self.caps = caps
        self.price = price
        self.spent = spent or Usage()
        self.held = Usage()
        self._reserved: dict[str, Usage] = {}

    def reserve(self, key: str, bound: Usage) -> bool:
        """Set a call's upper bound aside; False, and nothing set aside, when a cap has no room for it."""
        if not self.fits(bound):
            return False
        self.hold(key, bound)
        return True

    def hold(self, key: str, bound: Usage) -> None:
        """Set the upper bound of a call aside that is under way already."""
        self._reserved[key] = bound
        self.held = self.held + bound

    def settle(self, key: str, actual: Usage) -> None:
        """Replace a call's reservation by what it cost."""
        self.release(key)
        self.spent = self.spent + actual

    def release(self, key: str) -> None:
        """Give a call's reservation back."""
        self.held = self.held - self._reserved.pop(key)

    def fits(self, bound: Usage) -> bool:
        """Whether a call of at most this usage stays within every cap."""
        after = self.spent + self.held + bound
        caps = self.caps
        return (
            (caps.tokens is None or after.tokens <= caps.tokens)
            and (caps.output_tokens is None or after.output_tokens <= caps.output_tokens)
            and (caps.calls is None or after.calls <= caps.calls)
            and (caps.money is None or (self.price is not None and self.price.of(after) <= caps.money))
        )
