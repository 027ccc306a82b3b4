"""What a run is doing now, as plain data."""

from typing import Any

from elad.ledger import Ledger
from elad.lock import is_held

_QUIET = 30.0
"""Seconds behind the last news of a round within which other work of it counts as going on beside."""


def now(ledger: Ledger) -> dict[str, Any]:
    """Whether a process works at it, at what, how fast, how long that will take, and how many calls are under way."""
    spells = ledger.clock.spells()
    last = max((spell.heard for spell in spells), default=0.0)
    going = [spell for spell in spells if last - spell.heard < _QUIET and spell.done < spell.total]
    running = is_held(ledger.folder)
    return {
        "running": running,
        "round": ledger.last_round("stop") + 1,
        "calls_under_way": ledger.calls.under_way() if running else 0,
        "work": [
            {"work": s.work, "done": s.done, "total": s.total, "pace": s.pace, "seconds_left": s.left} for s in going
        ]
        if running
        else [],
    }


def seconds_by_work(ledger: Ledger) -> list[dict[str, Any]]:
    """How long each round worked at what, resumed work included: seconds by name."""
    told: dict[int, dict[str, float]] = {}
    for spell in ledger.clock.spells():
        told.setdefault(spell.round, {})[spell.work] = spell.seconds
    return [{"round": round, "seconds": works} for round, works in told.items()]
