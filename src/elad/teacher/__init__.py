"""The teacher: whoever answers for pay, behind one asynchronous method."""

from elad.teacher.asking import Answer, Answerer, Ask
from elad.teacher.desk import Desk
from elad.teacher.endpoint import Endpoint
from elad.teacher.from_ledger import FromLedger
from elad.teacher.human import Human
from elad.teacher.local import Local
from elad.teacher.messages import Request
from elad.teacher.nobody import Nobody
from elad.teacher.recorded import Recorded
from elad.teacher.replies import BadReply, Declined
from elad.teacher.solver import Solver
from elad.teacher.teacher import Reply, Said, Teacher

__all__ = [
    "Answer",
    "Answerer",
    "Ask",
    "BadReply",
    "Declined",
    "Desk",
    "Endpoint",
    "FromLedger",
    "Human",
    "Local",
    "Nobody",
    "Recorded",
    "Reply",
    "Request",
    "Said",
    "Solver",
    "Teacher",
]
