"""What every annotator does: turn attempts into annotations, at a teacher's price."""

from abc import abstractmethod
from collections.abc import Sequence

from elad.records import Annotation, Attempt, Part, Record
from elad.teacher import BadReply, Declined, Desk, Request
from elad.teacher.messages import again_request


class Bought(Record):
    """What a batch came to: annotations, questions set aside with the reason, and those left unasked."""

    annotations: tuple[Annotation, ...]
    unusable: dict[str, str]
    unasked: tuple[str, ...]


class Annotator(Part):
    """What the student learns from: a call a question, or two. Override `annotate` where a method needs more."""

    @abstractmethod
    def request(self, attempt: Attempt, max_output_tokens: int) -> Request:
        """What the teacher is asked about an attempt."""

    @abstractmethod
    def read(self, attempt: Attempt, reply: str, call: str, audit: bool) -> Annotation:
        """The annotation in a reply. Raises BadReply."""

    def annotate(self, desk: Desk, round: int, attempts: Sequence[Attempt], audited: frozenset[str]) -> Bought:
        """Ask about each attempt, and read what came back; what can't be read is asked once more, with the reason."""
        asked = [(attempt, self.request(attempt, desk.max_output_tokens)) for attempt in attempts]
        annotations: dict[str, Annotation] = {}
        unusable: dict[str, str] = {}
        unasked: list[str] = []
        for last in (False, True):
            again: list[tuple[Attempt, Request]] = []
            replies = desk.ask(round, [(attempt.question.id, request) for attempt, request in asked])
            for (attempt, request), (call, reply) in zip(asked, replies, strict=True):
                id = attempt.question.id
                if reply is None:
                    unasked += [] if last else [id]  # its first reply stays what it was: unusable
                    continue
                try:
                    annotations[id] = self.read(attempt, reply, call, id in audited)
                    unusable.pop(id, None)
                except BadReply as error:
                    unusable[id] = str(error)
                    if not isinstance(error, Declined):
                        again.append((attempt, again_request(request, reply, error)))
            if not again:
                break
            asked = again
        ordered = [annotations[attempt.question.id] for attempt in attempts if attempt.question.id in annotations]
        return Bought(annotations=tuple(ordered), unusable=unusable, unasked=tuple(unasked))
