"""An OpenAI-compatible endpoint that answers as the solver teacher would, and fails as endpoints do, by a plan."""

from tests.endpoint.faults import FAULTS, UNCERTAIN
from tests.endpoint.server import KEY, SolverEndpoint

__all__ = ["FAULTS", "KEY", "UNCERTAIN", "SolverEndpoint"]
