"""The teacher: whoever answers for pay, behind one asynchronous method."""

from elad.teacher.desk import Desk
from elad.teacher.endpoint import Endpoint
from elad.teacher.messages import BadReply, Declined, Request
from elad.teacher.recorded import Recorded
from elad.teacher.solver import Solver
from elad.teacher.teacher import Reply, Teacher

__all__ = ["BadReply", "Declined", "Desk", "Endpoint", "Recorded", "Reply", "Request", "Solver", "Teacher"]
