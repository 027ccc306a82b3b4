"""The student: any Hugging Face causal language model, and a tiny one that ships with the package."""

from elad.student.fit import Example, Fitted, Lora, Optimiser, fit
from elad.student.source import Served, StudentSource
from elad.student.student import Student
from elad.student.weights import weights_digest

__all__ = ["Example", "Fitted", "Lora", "Optimiser", "Served", "Student", "StudentSource", "fit", "weights_digest"]
