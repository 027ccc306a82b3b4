"""The people of a run: what they are asked, and what they answer."""

from elad.people.people import FILE, People
from elad.people.tasks import Claim, Counts, Stale, Task

__all__ = ["FILE", "Claim", "Counts", "People", "Stale", "Task"]
