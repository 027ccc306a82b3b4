"""Which student a recipe teaches."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from elad.records import Part
from elad.student.student import Student


class StudentSource(Part):
    """Which student is taught.

    `model`: `tiny` (ships with the package), a Hugging Face directory, or a hub id. `max_tokens`: the longest
    explanation, in tokens. `rows`: how many texts are written at a time; without it, as many as fit into half of the
    memory. Where they turn out not to fit, half of them are tried. `device`: `auto`, `cpu`, `cuda`, ...
    """

    kind: Literal["huggingface"] = "huggingface"
    model: str = "tiny"
    max_tokens: int = Field(128, gt=0)
    rows: int | None = Field(None, gt=0)
    device: str = "auto"

    def load(self, folder: Path | None = None) -> Student:
        """The student as it begins, or as it was saved in a folder."""
        return Student.load(folder or self.model, rows=self.rows, most=self.max_tokens, device=self.device)
