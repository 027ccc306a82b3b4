"""Certify: a final exam of a finished run's student."""

from elad.certify.certify import certify
from elad.certify.settling import Wanted

__all__ = ["Wanted", "certify"]
