"""Fit: the training loop, for trainers to build on. Its parts that need torch are imported where they are used."""

from elad.fit.settings import EarlyStopping, Fitted, Optimiser, Service, SoftLabels

__all__ = ["EarlyStopping", "Fitted", "Optimiser", "Service", "SoftLabels"]
