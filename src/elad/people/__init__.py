"""The people of a run: what they are asked, and what they answer."""

from elad.people.people import FILE, People
from elad.people.tasks import Claim, Counts, Gone, Stale, Task

__all__ = ["FILE", "Claim", "Counts", "Gone", "People", "Stale", "Task"]
