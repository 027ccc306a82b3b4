"""Built-in problems with exact solvers: what the project teaches, tests and studies itself on."""

from elad.worlds.arithmetic import Arithmetic
from elad.worlds.deduction import Deduction
from elad.worlds.world import World

WORLDS: dict[str, World] = {"arithmetic": Arithmetic(), "deduction": Deduction()}
"""The worlds by name, as a solver teacher's recipe names them."""

__all__ = ["WORLDS", "Arithmetic", "Deduction", "World"]
