"""Which student a recipe teaches."""

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from elad.layout import Layout
from elad.records import Part, Record
from elad.student.student import Student


class Served(Record):
    """How a student is served while it writes.

    `command` starts the server; `{model}` in it becomes the student's folder, `{port}` a free port of this machine.
    `together`: requests under way at a time. `patience`: seconds that the server may take to start.
    """

    command: str = Field(pattern=r"\{port\}")
    together: int = Field(64, gt=0)
    patience: float = Field(900.0, gt=0)


class StudentSource(Part):
    """Which student is taught.

    `model`: `tiny` (ships with the package), a Hugging Face directory, or a hub id. `max_tokens`: the longest
    explanation, in tokens. `rows`: how many texts are written at a time, or `auto`, as many as fit into half of the
    memory; where they turn out not to fit, half of them are tried. `device`: `auto`, `cpu`, `cuda`, ... `layout`: how
    questions are put and explanations written. `served`: have a server of its own write in the student's place.
    """

    kind: Literal["huggingface"] = "huggingface"
    model: str = "tiny"
    max_tokens: int = Field(128, gt=0)
    rows: Literal["auto"] | PositiveInt = "auto"
    device: str = "auto"
    layout: Layout = Field(default_factory=Layout)
    served: Served | None = None

    def load(self, folder: Path | None = None) -> Student:
        """The student as it begins, or as it was saved in a folder."""
        return Student.load(
            self.model,
            rows=None if self.rows == "auto" else self.rows,
            most=self.max_tokens,
            device=self.device,
            layout=self.layout,
            served=self.served,
            trained=folder,
        )
