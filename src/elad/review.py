"""The teacher reviewed: people judge again what it judged, and do not see what it said.

They judge audited explanations of one round. The audit is a uniform sample of what was left in the pool, what is drawn
for people is a uniform sample of the audit, and they get it in the order in which it was drawn: so what they have
judged is one too, whenever they end, as long as they leave nothing out. Their word alone is counted, and of that round
alone: of what the teacher accepts, another share is sound when the student is another, so that what was found of its
verdicts in one round does not hold in the next.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from elad.annotate import Bought
from elad.errors import InputError
from elad.evaluate import Score
from elad.ledger import Ledger
from elad.people import Claim, People, Task
from elad.records import Annotation, Record
from elad.teacher.replies import BadReply, read_verdict
from elad.text import digest

Flaw = int | None
"""The first flawed step of an explanation; None where it is sound."""


class Audit(NamedTuple):
    """The audited explanations of a round whose steps the teacher has judged, by the names of their reviews."""

    round: int
    annotations: dict[str, Annotation]

    @property
    def group(self) -> str:
        """What people are asked of it."""
        return f"review of round {self.round}"


class Concord(Record):
    """How far two judges agree, over explanations that both have judged.

    `same_flaw`: where they name the same first flaw, or none. `same_soundness`: where both find none, or both some.
    `kappa`: Cohen's, of the latter; None where they would always agree by chance, as when nothing was judged.
    """

    same_flaw: Score
    same_soundness: Score
    kappa: float | None


class Review(Record):
    """What people found of a round's audited explanations: of so many, so many were `drawn` for them.

    `sound`: how many of those that they judged are sound, by what most of them say. It estimates, without bias, how
    often the student that entered the round explained soundly, over what was left in the pool and the teacher could
    judge. That takes people to be right, and to have left out none for what it is; the interval of the share is that
    of a single look, at as many as were settled on beforehand. `accepted`: how many of the same the teacher accepted.
    `among_people`: of each explanation, the first two who judged it. `with_teacher`: what most people say, and what
    the teacher said.
    """

    round: int
    audited: int
    drawn: int
    sound: Score
    accepted: Score
    among_people: Concord
    with_teacher: Concord


def last_audit(ledger: Ledger) -> Audit:
    """Of the last round that was evaluated. Raises InputError where no steps of audited explanations were judged."""
    for audit in _audits(ledger):
        return audit
    raise InputError(f"{ledger.folder} has no audited explanations yet whose steps the teacher has judged.")


def sample(audit: Audit, people: People, count: int, each: int = 1, seed: int = 0) -> list[Task]:
    """Let people judge so many of a round's audited explanations, each by so many of them; returns what they judge.

    Uniform, without replacement; and so is what a larger count adds to it. Nothing that was drawn is taken away, but
    for what waits of other rounds' reviews.
    """
    for name, counts in people.groups().items():
        if not counts.awaited and name != audit.group:
            people.withdraw(name)
    drawn = {task.key for task in people.tasks(audit.group)}
    lots = sorted(audit.annotations.keys() - drawn, key=lambda key: digest(f"{seed}/{key}"))
    chosen = [*(drawn & audit.annotations.keys()), *lots[: max(0, count - len(drawn))]]
    people.put(
        Task(key=key, group=audit.group, form="judge", content=_content(audit.annotations[key]), wanted=each)
        for key in chosen
    )
    return people.tasks(audit.group)


def figures(ledger: Ledger, people: People) -> Review | None:
    """What people have found so far of the last round of which they were to judge something; None without one."""
    return next((review(audit, people) for audit in _audits(ledger) if people.tasks(audit.group)), None)


def review(audit: Audit, people: People) -> Review:
    """What people have found so far of a round. An explanation is sound where more than half of its judges say so."""
    claims = people.answered(audit.group)
    said: defaultdict[str, list[Flaw]] = defaultdict(list)
    for claim in claims:
        said[claim.task.key].append(_flaw(claim))
    teacher = {key: annotation.verdict.first_flaw for key, annotation in audit.annotations.items()}
    pairs = [(_word(flaws), teacher[key]) for key, flaws in said.items() if key in teacher]
    return Review(
        round=audit.round,
        audited=len(teacher),
        drawn=len(people.tasks(audit.group)),
        sound=_score(word is None for word, _ in pairs),
        accepted=_score(verdict is None for _, verdict in pairs),
        among_people=among_people(claims),
        with_teacher=_concord(pairs),
    )


def among_people(claims: Iterable[Claim]) -> Concord:
    """How far people agree who judged the same: in a review, or as a run's teachers, where it asks for votes.

    Of each explanation the first two count. So it counts once, and a third, who is asked where they differ, does not
    make them look more at odds.
    """
    said: defaultdict[str, list[tuple[str, Flaw]]] = defaultdict(list)
    for claim in claims:
        try:
            said[claim.task.about].append((claim.person, _flaw(claim)))
        except BadReply:  # a rationale, or a question that can't be answered: no explanation was judged
            continue
    pairs = [sorted(judged[:2], key=lambda one: one[0]) for judged in said.values() if len(judged) > 1]
    return _concord([(one, other) for (_, one), (_, other) in pairs])


def _audits(ledger: Ledger) -> Iterator[Audit]:
    """The audits of the rounds that were evaluated, the last first; those of which no steps were judged are none."""
    for number in range(ledger.last_round("evaluate"), 0, -1):
        bought = ledger.traced(number, "annotate", Bought)
        audited = [a for a in bought.annotations if a.audit and a.verdict.of == "steps"] if bought else []
        if audited:
            yield Audit(number, {f"review/{a.question.id}": a for a in audited})


def _content(annotation: Annotation) -> dict[str, object]:
    """What people see: neither the teacher's verdict nor the answer that the data set has."""
    question, said = annotation.question, annotation.attempt
    choices = {"choices": list(question.choices)} if question.choices else {}
    return {"question": question.text, **choices, "steps": list(said.steps), "answer": said.answer}


def _flaw(claim: Claim) -> Flaw:
    return read_verdict(claim.reply or "", claim.task.explanation).first_flaw


def _word(flaws: Sequence[Flaw]) -> Flaw:
    """What most say: sound by more than half, else the flaw that is named most often, of equally many the earliest."""
    named = sorted(flaw for flaw in flaws if flaw is not None)
    return max(named, key=named.count) if 2 * len(named) >= len(flaws) else None


def _score(marks: Iterable[bool]) -> Score:
    counted = list(marks)
    return Score(right=sum(counted), total=len(counted))


def _concord(pairs: Sequence[tuple[Flaw, Flaw]]) -> Concord:
    return Concord(
        same_flaw=_score(one == other for one, other in pairs),
        same_soundness=_score((one is None) == (other is None) for one, other in pairs),
        kappa=_kappa([(one is None, other is None) for one, other in pairs]),
    )


def _kappa(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Agreement beyond what two judges would have by chance who say yes as often as these do (Cohen 1960)."""
    if not pairs:
        return None
    observed = sum(one == other for one, other in pairs) / len(pairs)
    one, other = (sum(marks) / len(pairs) for marks in zip(*pairs, strict=True))
    by_chance = one * other + (1 - one) * (1 - other)
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else None
