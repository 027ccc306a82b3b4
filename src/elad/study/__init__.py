"""Studies: arms that are compared under one budget, over seeds that pair them."""

from elad.study.compare import Curve, Estimate, gain_at, spend_ratio
from elad.study.curves import curve_of
from elad.study.finished import compared
from elad.study.results import load_results, results
from elad.study.study import Arm, Study, load_study, run_study

__all__ = [
    "Arm",
    "Curve",
    "Estimate",
    "Study",
    "compared",
    "curve_of",
    "gain_at",
    "load_results",
    "load_study",
    "results",
    "run_study",
    "spend_ratio",
]
