"""What was spent, as plain data."""

from typing import Any

from elad.budget import Price, Usage


def told_spending(usage: Usage, price: Price | None) -> dict[str, Any]:
    """Calls and tokens by class, those classes left out of which there are none; and money, where there is a price."""
    money = {"money": str(price.of(usage))} if price else {}
    classes = {"cached_tokens", "written_tokens", "reasoning_tokens", "untold_calls", "batched"}
    told = usage.model_dump(exclude={name for name in classes if not getattr(usage, name)}, exclude_none=True)
    return {**told, "tokens": usage.tokens, **money}
