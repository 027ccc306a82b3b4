"""No teacher: for students that teach themselves."""

from typing import ClassVar, Literal, NoReturn

from elad.errors import TeacherError
from elad.teacher.messages import Request
from elad.teacher.teacher import Teacher


class Nobody(Teacher):
    """Answers nothing, and costs nothing."""

    kind: Literal["nobody"] = "nobody"

    can_answer: ClassVar[bool] = False
    converses: ClassVar[bool] = False

    @property
    def judges_steps(self) -> bool:
        """It judges nothing."""
        return False

    async def ask(self, request: Request) -> NoReturn:
        """Raises TeacherError."""
        raise TeacherError("teacher.kind is 'nobody', and nobody answers. Name a teacher that does.")
