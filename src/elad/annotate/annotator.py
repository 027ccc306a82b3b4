"""What every annotator does: turn attempts into annotations, at a teacher's price."""

from abc import abstractmethod
from collections.abc import Sequence

from elad.records import Annotation, Attempt, Part, Record
from elad.teacher import BadReply, Desk, Request


class Bought(Record):
    """What a batch came to: annotations, questions set aside with the reason, and those left unasked."""

    annotations: tuple[Annotation, ...]
    unusable: dict[str, str]
    unasked: tuple[str, ...]


class Annotator(Part):
    """What the student learns from: one call a question. Override `annotate` where a method needs more."""

    @abstractmethod
    def request(self, attempt: Attempt, max_output_tokens: int) -> Request:
        """What the teacher is asked about an attempt."""

    @abstractmethod
    def read(self, attempt: Attempt, reply: str, call: str, audit: bool) -> Annotation:
        """The annotation in a reply. Raises BadReply."""

    def annotate(self, desk: Desk, round: int, attempts: Sequence[Attempt], audited: frozenset[str]) -> Bought:
        """Ask about each attempt, and read what came back."""
        replies = desk.ask(
            round, [(attempt.question.id, self.request(attempt, desk.max_output_tokens)) for attempt in attempts]
        )
        annotations: list[Annotation] = []
        unusable: dict[str, str] = {}
        unasked: list[str] = []
        for attempt, (call, reply) in zip(attempts, replies, strict=True):
            id = attempt.question.id
            if reply is None:
                unasked.append(id)
                continue
            try:
                annotations.append(self.read(attempt, reply, call, id in audited))
            except BadReply as error:
                unusable[id] = str(error)
        return Bought(annotations=tuple(annotations), unusable=unusable, unasked=tuple(unasked))
