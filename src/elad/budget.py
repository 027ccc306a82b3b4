"""What must not be overspent: reserve a call's upper bound before it is made, settle what it cost after.

At any instant settled + reserved + the next call's bound stays within every cap, whatever the concurrency.
"""

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from elad.records import Record

_MILLION = Decimal(1_000_000)


class Usage(Record):
    """Calls and tokens, spent or about to be; `cached_tokens` of the input are what an endpoint had read before."""

    calls: int = Field(0, ge=0)
    input_tokens: int = Field(0, ge=0)
    output_tokens: int = Field(0, ge=0)
    cached_tokens: int = Field(0, ge=0)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
        )

    @property
    def tokens(self) -> int:
        """Tokens of both classes."""
        return self.input_tokens + self.output_tokens


class Price(Record):
    """What a million tokens cost, by class, in the currency of the budget.

    `cached`: of input that the endpoint had read before, never dearer than other input; None: the same.
    """

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached: Decimal | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _cached_is_not_dearer(self) -> Self:
        if self.cached is not None and self.cached > self.input:
            raise ValueError("cached: input that was read before can't cost more than other input")
        return self

    def of(self, usage: Usage) -> Decimal:
        """The price of a usage, exact."""
        cached = self.input if self.cached is None else self.cached
        fresh = usage.input_tokens - usage.cached_tokens
        return (fresh * self.input + usage.cached_tokens * cached + usage.output_tokens * self.output) / _MILLION


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
    """What is left of the caps. `spent` is settled; `reserved` belongs to calls under way."""

    def __init__(self, caps: Caps, price: Price | None, spent: Usage | None = None) -> None:
        self.caps = caps
        self.price = price
        self.spent = spent or Usage()
        self.reserved: dict[str, Usage] = {}

    def reserve(self, key: str, bound: Usage) -> bool:
        """Set a call's upper bound aside; False, and nothing set aside, when a cap has no room for it."""
        if not self.fits(bound):
            return False
        self.reserved[key] = bound
        return True

    def settle(self, key: str, actual: Usage) -> None:
        """Replace a call's reservation by what it cost."""
        del self.reserved[key]
        self.spent = self.spent + actual

    def fits(self, bound: Usage) -> bool:
        """Whether a call of at most this usage stays within every cap."""
        after = sum(self.reserved.values(), self.spent) + bound
        caps = self.caps
        return (
            (caps.tokens is None or after.tokens <= caps.tokens)
            and (caps.output_tokens is None or after.output_tokens <= caps.output_tokens)
            and (caps.calls is None or after.calls <= caps.calls)
            and (caps.money is None or (self.price is not None and self.price.of(after) <= caps.money))
        )
