"""A talk with the teacher about one attempt: a request, its reply, and what it leads to."""

from collections.abc import Callable, Sequence

from elad.records import Annotation, Attempt
from elad.teacher import Answerer, Ask, BadReply, Declined, Request, Said
from elad.teacher.messages import again_request

Read = Callable[[Attempt, Request, str], Annotation | Request]
"""The annotation in a reply, or the next turn of the talk. Raises BadReply."""


class Talk:
    """It ends with an `annotation`, with a reason `why` there is none, or unheard, where the budget ended it.

    A reply that can't be read is asked for once more, with the reason. `calls`: what the talk was paid with.
    """

    def __init__(self, attempt: Attempt, request: Request, read: Read) -> None:
        self.attempt = attempt
        self.next: Request | None = request
        self.calls: list[str] = []
        self.annotation: Annotation | None = None
        self.why: str | None = None
        self._read = read
        self._again = False

    def ask(self) -> Ask:
        """The next turn."""
        request = self.next
        assert request, "the talk has ended"
        return Ask(self.attempt.question.id, request, lambda reply: self._read(self.attempt, request, reply))

    def hear(self, call: str, said: Said | None) -> None:
        """Take what the teacher said at this turn."""
        request, self.next = self.next, None
        assert request, "the talk has ended"
        if said is None:
            return
        self.calls.append(call)
        self.why = said.why
        if said.outcome == "answered":
            self._understand(request, said.text)
        elif said.outcome == "truncated":
            self._ask_again(request, said.text)

    def _understand(self, request: Request, reply: str) -> None:
        try:
            found = self._read(self.attempt, request, reply)
        except BadReply as error:
            self.why = str(error)
            if not isinstance(error, Declined):
                self._ask_again(request, reply)
            return
        self._again, self.why = False, None
        if isinstance(found, Request):
            self.next = found
        else:
            self.annotation = found

    def _ask_again(self, request: Request, reply: str) -> None:
        if not self._again:
            self._again, self.next = True, again_request(request, reply, str(self.why))


def hold(teacher: Answerer, round: int, talks: Sequence[Talk]) -> None:
    """Bring talks to their ends, a turn of each at a time."""
    while going := [talk for talk in talks if talk.next]:
        for talk, answer in zip(going, teacher.ask(round, [talk.ask() for talk in going]), strict=True):
            talk.hear(answer.call, answer.said)
