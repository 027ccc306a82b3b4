"""What every annotator does that talks with a teacher: hold the talks, and count votes."""

import hashlib
from abc import abstractmethod
from collections.abc import Sequence

from pydantic import Field

from elad.annotate.annotator import Annotator, Bought
from elad.annotate.talk import Talk, hold
from elad.records import Annotation, Attempt
from elad.teacher import Answerer, Request
from elad.teacher.prompts import prompt


class Talker(Annotator):
    """The teacher is asked about each attempt by itself.

    `prompt`: a shipped one, or a file. `votes`: for a teacher that errs, how many of its answers to one question are
    asked for at most; no more are bought once a majority of so many agrees. What most of them say counts; of
    equally many, the first.
    """

    prompt: str
    votes: int = Field(1, gt=0)

    @property
    def prompt_digest(self) -> str:
        """SHA-256 of the prompt."""
        return hashlib.sha256(prompt(self.prompt).encode()).hexdigest()

    @abstractmethod
    def request(self, attempt: Attempt, max_output_tokens: int) -> Request:
        """What the teacher is asked first about an attempt."""

    @abstractmethod
    def read(self, attempt: Attempt, request: Request, reply: str) -> Annotation | Request:
        """The annotation in a reply to a request, or what is asked next. Raises BadReply."""

    @abstractmethod
    def agree(self, one: Annotation, other: Annotation) -> bool:
        """Whether two answers about an attempt say the same, where there are votes."""

    def chosen(self, group: Sequence[Annotation]) -> Annotation:
        """What is learnt of answers that say the same."""
        return group[0]

    @property
    def majority(self) -> int:
        """How many answers that say the same decide."""
        return self.votes // 2 + 1

    @property
    def first_votes(self) -> int:
        """How many answers to a question are asked for at once: a majority, if they agree."""
        return self.majority

    def most_calls(self, steps: int) -> int:
        """How many calls an explanation of so many steps can take: each vote, and each again where it can't be read."""
        return 2 * max(self.votes, self.first_votes)

    def first_requests(self, attempt: Attempt, max_output_tokens: int) -> list[Request]:
        """The requests about an attempt that are made whatever comes of any: one a first vote."""
        return [self._sampled(attempt, max_output_tokens, sample) for sample in range(self.first_votes)]

    def ready(self) -> None:
        """Read the prompt. Raises InputError."""
        prompt(self.prompt)

    def annotate(self, teacher: Answerer, round: int, attempts: Sequence[Attempt], audited: frozenset[str]) -> Bought:
        """Talk with the teacher about each attempt, as often as votes are needed."""
        talks: list[list[Talk]] = [[] for _ in attempts]
        wanted = self.first_votes
        while True:
            new = []
            for attempt, held in zip(attempts, talks, strict=True):
                while len(held) < wanted and self._undecided(held):
                    request = self._sampled(attempt, teacher.max_output_tokens, len(held))
                    held.append(Talk(attempt, request, self.read))
                    new.append(held[-1])
            hold(teacher, round, new)
            wanted += 1
            if wanted > self.votes:
                break
        return self._counted(attempts, talks, audited)

    def _sampled(self, attempt: Attempt, max_output_tokens: int, sample: int) -> Request:
        return self.request(attempt, max_output_tokens).model_copy(update={"sample": sample})

    def _undecided(self, held: Sequence[Talk]) -> bool:
        most = max((len(group) for group in self._groups(held)), default=0)
        unheard = any(talk.annotation is None and talk.why is None and not talk.next for talk in held)
        return most < self.majority and not unheard

    def _groups(self, held: Sequence[Talk]) -> list[list[Annotation]]:
        """The answers, those together that say the same."""
        groups: list[list[Annotation]] = []
        for found in (talk.annotation for talk in held if talk.annotation):
            same = next((group for group in groups if self.agree(group[0], found)), None)
            if same is None:
                groups.append([found])
            else:
                same.append(found)
        return groups

    def _counted(self, attempts: Sequence[Attempt], talks: Sequence[list[Talk]], audited: frozenset[str]) -> Bought:
        annotations: list[Annotation] = []
        unusable: dict[str, str] = {}
        unasked: list[str] = []
        for attempt, held in zip(attempts, talks, strict=True):
            id = attempt.question.id
            heard = sum(talk.annotation is not None or talk.why is not None for talk in held)
            if heard < self.majority:  # the budget ended before a majority could have spoken
                unasked.append(id)
            elif groups := self._groups(held):
                paid = {"audit": id in audited, "calls": tuple(call for talk in held for call in talk.calls)}
                annotations.append(self.chosen(max(groups, key=len)).model_copy(update=paid))
            else:
                unusable[id] = next(talk.why for talk in held if talk.why)
        return Bought(annotations=tuple(annotations), unusable=unusable, unasked=tuple(unasked))
