"""What tokens cost: by the recipe first, else by a maintained list; dated, and kept with the run.

Prices change and lists are wrong at times, so a run counts tokens by class and keeps every price that it was told:
money is derived, by the last of them. `elad reprice` tells another.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from pydantic import ValidationError

from elad.budget import Price
from elad.errors import InputError
from elad.ledger import Ledger
from elad.records import Record

_FACT = "prices"
_RECIPE = "the recipe"

_SHORT = 100_000
"""Tokens of input that no request of ours has: a price that changes with more of them is the lower one for us."""


class Tariff(Record):
    """A price, who says so, and since when it holds for a run."""

    price: Price
    source: str
    day: str


def by_hand(prices: Sequence[str]) -> tuple[Price, str]:
    """A price from texts such as `input=0.25`. Raises InputError with the classes that there are."""
    try:
        told = dict(price.split("=", 1) for price in prices)
        return Price.model_validate(told), "told by hand"
    except (ValueError, ValidationError) as error:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "expected class=price"
        raise InputError(
            f"{' '.join(prices)!r} is no price ({why}). The classes are {', '.join(Price.model_fields)}; input and "
            "output are needed; batch is the share that is paid for what goes through a batch."
        ) from error


def listed(model: str, url: str) -> tuple[Price, str] | None:
    """What the list of genai-prices says of a model at an address, and which list that is; None where it does not."""
    from genai_prices import Usage, calc_price

    def ask(processing: str) -> Any:
        some, how = Usage(input_tokens=1000, output_tokens=1000), {"processing": processing}
        return calc_price(some, model_ref=model, provider_api_url=url, price_context=how).model_price

    try:
        direct = ask("default")
    except LookupError:
        return None
    asked, said = _flat(direct, "input_mtok"), _flat(direct, "output_mtok")
    if asked is None or said is None or getattr(direct, "requests_kcount", None):
        return None  # also where a request itself costs something: that is no price of ours
    # bounds are reckoned by the dearest class, so none may undercut the order that prices have
    price = Price(
        input=asked,
        output=said,
        cached=min(_flat(direct, "cache_read_mtok") or asked, asked),
        written=max(_flat(direct, "cache_write_mtok") or asked, asked),
        reasoning=max(_flat(direct, "output_reasoning_mtok") or said, said),
        batch=_share(said, ask),
    )
    return price, f"genai-prices {version('genai-prices')}"


def _share(said: Decimal, ask: Callable[[str], Any]) -> Decimal:
    """The share of a price that is paid for what goes through a batch; all of it where the list does not say."""
    try:
        batched = _flat(ask("batch"), "output_mtok")
    except LookupError:
        return Decimal(1)
    return min(batched / said, Decimal(1)) if batched is not None and said else Decimal(1)


def _flat(prices: Any, name: str) -> Decimal | None:
    value = getattr(prices, name, None)
    base = getattr(value, "base", value)
    tiers = getattr(value, "tiers", ())
    return base if base is not None and all(tier.start >= _SHORT for tier in tiers) else None


def tariffs(ledger: Ledger) -> list[Tariff]:
    """The prices that a run was told, the one that holds last."""
    return [Tariff.model_validate(one) for one in json.loads(ledger.fact(_FACT) or "[]")]


def in_force(ledger: Ledger) -> Price | None:
    """The price that holds for a run; None where none is known."""
    known = tariffs(ledger)
    return known[-1].price if known else None


def of_run(ledger: Ledger, price: Price | None, listed: Callable[[], tuple[Price, str] | None]) -> Price | None:
    """The price that holds for a run: that of its recipe, or else of a list, from its beginning on.

    Another price in the recipe holds from when it is told.
    """
    known = tariffs(ledger)
    last = next((tariff.price for tariff in reversed(known) if tariff.source == _RECIPE), None)
    if price and price != last:
        tell(ledger, price, _RECIPE)
    elif not known and (found := listed()):
        tell(ledger, *found)
    return in_force(ledger)


def tell(ledger: Ledger, price: Price, source: str) -> Tariff:
    """Let a price hold for a run from now on; those before it are kept."""
    tariff = Tariff(price=price, source=source, day=f"{datetime.now(UTC):%Y-%m-%d}")
    ledger.state_fact(_FACT, json.dumps([one.model_dump(mode="json") for one in (*tariffs(ledger), tariff)]))
    return tariff
