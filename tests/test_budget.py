from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from elad.budget import Budget, Caps, Price, Usage

usages = st.builds(Usage, calls=st.just(1), input_tokens=st.integers(0, 500), output_tokens=st.integers(0, 500))
caps = st.one_of(
    st.builds(Caps, tokens=st.integers(0, 5000)),
    st.builds(Caps, calls=st.integers(0, 20)),
    st.builds(Caps, output_tokens=st.integers(0, 3000)),
    st.builds(Caps, money=st.decimals(0, 1, places=4), tokens=st.integers(0, 9000)),
)
PRICE = Price(input=Decimal("150"), output=Decimal("600"))


@settings(max_examples=300, derandomize=True, deadline=None)
@given(caps, st.lists(st.tuples(usages, st.floats(0, 1), st.booleans()), max_size=60))
def test_no_cap_is_ever_exceeded(caps: Caps, calls: list[tuple[Usage, float, bool]]) -> None:
    """Whatever the bounds, the costs below them, and which calls are still under way."""
    budget = Budget(caps, PRICE)
    for number, (bound, share, comes_back) in enumerate(calls):
        key = str(number)
        fits = budget.fits(bound)
        assert budget.reserve(key, bound) == fits
        if fits and comes_back:
            spent = {"input_tokens": int(bound.input_tokens * share), "output_tokens": int(bound.output_tokens * share)}
            budget.settle(key, Usage(calls=1, **spent))
        held = budget.spent + budget.held
        assert caps.tokens is None or held.tokens <= caps.tokens
        assert caps.calls is None or held.calls <= caps.calls
        assert caps.output_tokens is None or held.output_tokens <= caps.output_tokens
        assert caps.money is None or PRICE.of(held) <= caps.money


def test_a_call_that_just_fits_is_admitted_and_the_next_is_not() -> None:
    budget = Budget(Caps(tokens=100), None)
    assert budget.reserve("a", Usage(calls=1, input_tokens=60, output_tokens=40))
    assert not budget.reserve("b", Usage(calls=1, input_tokens=1))
    budget.settle("a", Usage(calls=1, input_tokens=60, output_tokens=39))
    assert budget.reserve("b", Usage(calls=1, input_tokens=1))


def test_money_is_exact() -> None:
    price = Price(input=Decimal("0.1"), output=Decimal("0.2"))
    assert price.of(Usage(calls=3, input_tokens=1, output_tokens=1)) == Decimal("0.0000003")
    read_before = Usage(calls=1, input_tokens=10, output_tokens=1, cached_tokens=8)
    assert price.of(read_before) == Decimal("0.0000012")
    assert price.model_copy(update={"cached": Decimal("0.01")}).of(read_before) == Decimal("0.00000048")
    with pytest.raises(ValidationError, match="can't cost more"):
        Price(input=Decimal(1), output=Decimal(1), cached=Decimal(2))


def test_a_resumed_budget_goes_on_from_what_was_spent() -> None:
    budget = Budget(Caps(calls=2), None, Usage(calls=2))
    assert not budget.fits(Usage(calls=1))


def test_caps_that_cap_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="names no cap"):
        Caps()
