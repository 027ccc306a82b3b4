"""An OpenAI-compatible endpoint that answers as the solver teacher would, and fails as endpoints do, by a plan."""

from typing import Any

from tests.endpoint.faults import FAULTS, UNCERTAIN
from tests.endpoint.server import KEY, SolverEndpoint

__all__ = ["FAULTS", "KEY", "UNCERTAIN", "SolverEndpoint", "asked"]


def asked(endpoint: SolverEndpoint, **how: Any) -> dict[str, Any]:
    """The teacher of a recipe that asks it."""
    return {"kind": "openai", "model": "solver-1", "base_url": endpoint.url, "max_output_tokens": 200, **how}
