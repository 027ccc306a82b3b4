"""The ledger: what must not be lost."""

from elad.ledger.attempts import Attempts
from elad.ledger.ledger import FILE, ROOM, VERSION, KeptCall, Ledger
from elad.ledger.questions import Admission, Move

__all__ = ["FILE", "ROOM", "VERSION", "Admission", "Attempts", "KeptCall", "Ledger", "Move"]
