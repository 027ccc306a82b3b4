"""What can go wrong, as a person would want it told.

    EladError                     exit code 1   anything below
    ├── InputError                          2   a recipe, a pool, a file: something the user can mend
    │   └── UnreadableQuestion              2   a question that a world's grammar does not know
    ├── TeacherError                        3   the teacher can't be asked at all
    ├── RunFolderError                      4   in use, of another recipe, or damaged
    └── StorageError                        5   no room left: free some and run the same command again
    Interrupted                           130   Ctrl-C, after the write under way has ended

Every message says what was wrong, where, what was expected and what to do. A question that a teacher can't answer
is no exception: it is a question in the state `unusable`, with its reason.
"""

from typing import ClassVar


class EladError(Exception):
    """Base of every error that is meant for the user; shown without a traceback."""

    exit_code: ClassVar[int] = 1


class InputError(EladError):
    """The recipe, the pool or another input can't be used as it is."""

    exit_code = 2


class UnreadableQuestion(InputError):
    """A question that is not in the English of the world that was asked to solve it."""


class TeacherError(EladError):
    """The teacher can't be asked; what it answered before is safe."""

    exit_code = 3


class TeacherRefuses(TeacherError):
    """It was asked and said no, so that nothing was billed."""


class RunFolderError(EladError):
    """The run folder is held by another process, belongs to another recipe, or is damaged."""

    exit_code = 4


class StorageError(EladError):
    """The disk is full, or a file can't be written. What was paid for before is safe."""

    exit_code = 5


class Interrupted(BaseException):
    """The user asked to stop (Ctrl-C). A `BaseException`, so that no handler takes it for a failure."""

    exit_code: ClassVar[int] = 130


def reason_of(error: BaseException) -> str:
    """What somebody else's error says, in a line; its name where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
