"""The student: any Hugging Face language model, and a tiny one that ships with the package."""

from elad.student.lora import Lora
from elad.student.source import Served, StudentSource
from elad.student.student import Example, Student
from elad.student.weights import weights_digest

__all__ = ["Example", "Lora", "Served", "Student", "StudentSource", "weights_digest"]
