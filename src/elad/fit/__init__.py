"""Fit: the training loop, for trainers to build on. Its parts that need torch are imported where they are used."""

from elad.fit.ddk import Ddk
from elad.fit.mixture import Interval, Mixture, Perplexities, Static
from elad.fit.settings import EarlyStopping, Fitted, Optimiser, Service, SoftLabels

__all__ = [
    "Ddk",
    "EarlyStopping",
    "Fitted",
    "Interval",
    "Mixture",
    "Optimiser",
    "Perplexities",
    "Service",
    "SoftLabels",
    "Static",
]
