"""The ledger: what must not be lost."""

from elad.ledger.attempts import Attempts
from elad.ledger.batches import Batch, Planned, Settled
from elad.ledger.calls import Call, Calls, Outcome
from elad.ledger.clock import Clock, Spell
from elad.ledger.ledger import FILE, VERSION, Ledger
from elad.ledger.questions import Admission, Move

__all__ = [
    "FILE",
    "VERSION",
    "Admission",
    "Attempts",
    "Batch",
    "Call",
    "Calls",
    "Clock",
    "Ledger",
    "Move",
    "Outcome",
    "Planned",
    "Settled",
    "Spell",
]
