"""Prices: the recipe's, a list's or told by hand; dated, kept with the run, and money is derived from them."""

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from elad.budget import Price, Usage
from elad.errors import InputError
from elad.ledger import Ledger
from elad.loop import distil
from elad.prices import by_hand, in_force, listed, of_run, tariffs, tell
from elad.recipe import Recipe
from elad.report import markdown, summary
from elad.teacher import Endpoint, Request
from tests.runs import small_recipe


def test_every_class_has_its_price() -> None:
    told = {"input": "1", "output": "4", "cached": "0.1", "written": "1.25", "reasoning": "5", "batch": "0.5"}
    price = Price.model_validate(told)
    usage = Usage(calls=1, input_tokens=100, cached_tokens=60, written_tokens=10, output_tokens=50, reasoning_tokens=20)
    expected = (30 * 1 + 60 * Decimal("0.1") + 10 * Decimal("1.25") + 30 * 4 + 20 * 5) / Decimal(1_000_000)
    assert price.of(usage) == expected
    assert price.of(usage.in_a_batch()) == expected / 2
    assert price.of(usage + usage.in_a_batch() + usage.in_a_batch()) == 2 * expected


def test_a_bound_is_never_cheaper_than_what_it_bounds() -> None:
    request = _request()
    price = Price.model_validate({"input": 1, "output": 4, "cached": 0, "written": "1.25", "reasoning": 6})
    bound = Endpoint(model="m", base_url="http://127.0.0.1:9").bound(request)
    dear = Usage(calls=1, input_tokens=bound.input_tokens, written_tokens=bound.input_tokens, output_tokens=99)
    assert bound.output_tokens == 99
    assert price.of(bound) >= price.of(dear.model_copy(update={"reasoning_tokens": 99}))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"written": "0.5"}, "can't cost less than other input"),
        ({"reasoning": "1"}, "can't cost less than what is said"),
        ({"cached": "2"}, "can't cost more than other input"),
        ({"batch": "1.5"}, "less than or equal to 1"),
    ],
)
def test_prices_that_would_break_a_bound_are_refused(told: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Price.model_validate({"input": 1, "output": 4, **told})


def test_a_class_is_never_more_than_the_whole() -> None:
    with pytest.raises(ValidationError, match="more tokens than the whole"):
        Usage(calls=1, input_tokens=5, cached_tokens=3, written_tokens=3)


def test_the_list_knows_models_by_where_they_are_asked() -> None:
    found = listed("gpt-4o-mini", "https://api.openai.com/v1")
    assert found is not None
    price, source = found
    assert source.startswith("genai-prices ")
    assert 0 < price.input < price.output
    assert price.cached is not None
    assert price.cached < price.input
    assert listed("gpt-4o-mini", "http://127.0.0.1:8000/v1") is None, "a server of one's own has no listed price"
    assert listed("no-such-model", "https://api.openai.com/v1") is None


def test_without_any_price_money_can_not_be_capped(minimal_student: Path) -> None:
    teacher = {"kind": "openai", "model": "mine", "base_url": "http://127.0.0.1:9/v1"}
    with pytest.raises(ValidationError, match="a price is never guessed"):
        small_recipe(minimal_student, teacher=teacher, budget={"money": 1})
    teacher = {"kind": "openai", "model": "gpt-4o-mini", "base_url": "https://api.openai.com/v1"}
    assert small_recipe(minimal_student, teacher=teacher, budget={"money": 1})


def test_a_run_keeps_every_price_that_it_was_told(tmp_path: Path) -> None:
    cheap, dear = (Price.model_validate({"input": n, "output": 2 * n}) for n in (1, 10))
    with Ledger(tmp_path) as ledger:
        assert of_run(ledger, None, lambda: None) is None
        assert of_run(ledger, None, lambda: (cheap, "a list")) == cheap
        assert of_run(ledger, None, lambda: (dear, "a newer list")) == cheap, "what was copied in stays"
        assert of_run(ledger, dear, lambda: None) == dear, "the recipe first"
        tell(ledger, cheap, "told by hand")
        assert of_run(ledger, dear, lambda: None) == cheap, "the recipe says nothing new"
        assert [tariff.source for tariff in tariffs(ledger)] == ["a list", "the recipe", "told by hand"]
        assert in_force(ledger) == cheap


def test_money_is_reckoned_anew_and_tokens_stay(minimal_student: Path, tmp_path: Path) -> None:
    teacher = {"kind": "solver", "world": "arithmetic", "price": {"input": 1, "output": 4}}
    recipe: Recipe = small_recipe(minimal_student, teacher=teacher, budget={"money": 1})
    distil(recipe, tmp_path)
    with Ledger(tmp_path) as ledger:
        before = summary(ledger)
        tell(ledger, *by_hand(["input=10", "output=40"]))
        after = summary(ledger)
    assert Decimal(after["spent"]["money"]) == 10 * Decimal(before["spent"]["money"])
    assert after["spent"]["tokens"] == before["spent"]["tokens"]
    assert "input 10" in markdown(after)
    assert "told by hand" in markdown(after)


@pytest.mark.parametrize("prices", [["input"], ["input=1"], ["input=x", "output=1"], ["inputs=1", "output=1"]])
def test_what_is_no_price_is_told_with_the_classes(prices: list[str]) -> None:
    with pytest.raises(InputError, match=r"is no price .*input, output, cached, written, reasoning, batch"):
        by_hand(prices)


def _request() -> Request:
    from elad.annotate import Rationale
    from elad.records import Attempt, Evidence, Explanation, Question

    nothing = Explanation(steps=(), answer=None)
    attempt = Attempt(question=Question(id="q", text="?"), explanation=nothing, evidence=Evidence(steps=()))
    return Rationale().request(attempt, 99)


def test_no_listed_price_breaks_a_bound() -> None:
    """Lists have models whose cached input is dearer than other input, and alike."""
    from genai_prices.data_snapshot import get_snapshot

    addresses = {"openai": "https://api.openai.com/v1", "openrouter": "https://openrouter.ai/api/v1"}
    found = [
        listed(model.id, addresses[provider.id])
        for provider in get_snapshot().providers
        if provider.id in addresses
        for model in provider.models
    ]
    known = [price for price, _ in filter(None, found)]
    assert len(known) > 100
    assert any(price.batch < 1 for price in known)
