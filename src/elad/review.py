"""The teacher reviewed: people judge again a sample of what it judged, and do not see what it said.

The sample is drawn from the audited explanations, which are themselves a uniform sample, so that what people find holds
for all that the teacher could have been asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from elad.annotate import Bought
from elad.errors import InputError
from elad.evaluate import Score
from elad.ledger import Ledger
from elad.people import Claim, People, Task
from elad.records import Annotation, Record
from elad.sufficiency import Corrected, corrected
from elad.teacher.human import shown
from elad.teacher.replies import BadReply, read_verdict
from elad.text import digest

GROUP = "review"

Flaw = int | None
"""The first flawed step of an explanation; None where it is sound."""


class Concord(Record):
    """How far two judges agree, over explanations that both have judged.

    `same_flaw`: where they name the same first flaw, or none. `same_soundness`: where both find none, or both some.
    `kappa`: Cohen's, of the latter; None where they would always agree by chance, as when nothing was judged.
    """

    same_flaw: Score
    same_soundness: Score
    kappa: float | None


class Review(Record):
    """What the people's judgements come to: how many explanations were drawn for them, and how many were judged.

    `among_people`: of each explanation, the first two who judged it. `with_teacher`: what most people say, and what
    the teacher said. `by_people`: how many of the last round's explanations that were judged are sound, by their word
    alone; `sound`: the share that is, by the teacher's verdicts and what people found of them.
    """

    drawn: int
    judged: int
    among_people: Concord
    with_teacher: Concord
    by_people: Score
    sound: Corrected


def sample(ledger: Ledger, people: People, count: int, each: int = 2, seed: int = 0) -> int:
    """Let people judge so many of the audited explanations, each by so many of them; returns how many there are.

    Uniform, without replacement, over the audits of all rounds that were evaluated; a larger count adds to what was
    drawn before. Raises InputError where the teacher has judged no steps of audited explanations.
    """
    audit = {key: annotation for round in _audits(ledger) for key, annotation in round.items()}
    if not audit:
        raise InputError(f"{ledger.folder} has no audited explanations yet whose steps the teacher has judged.")
    drawn = {task.key for task in people.tasks(GROUP)}
    lots = sorted(audit.keys() - drawn, key=lambda key: digest(f"{seed}/{key}"))
    chosen = [*(drawn & audit.keys()), *lots[: max(0, count - len(drawn))]]
    people.put(Task(key=key, group=GROUP, form="judge", content=_content(audit[key]), wanted=each) for key in chosen)
    return len(people.tasks(GROUP))


def figures(ledger: Ledger, people: People) -> Review:
    """What people have found so far.

    An explanation is sound where more than half of those who judged it say so. The teacher's errors are taken to be
    as frequent in all rounds, and are counted over all that was reviewed; what it accepted is counted over the last
    round's audit.
    """
    audits = _audits(ledger)
    teacher = {key: a.verdict.first_flaw for round in audits for key, a in round.items()}
    claims = people.answered(group=GROUP)
    said: defaultdict[str, list[Flaw]] = defaultdict(list)
    for claim in claims:
        said[claim.task.key].append(_flaw(claim))
    words = {key: _word(flaws) for key, flaws in said.items() if key in teacher}
    accepted, rejected = (
        _score(word is None for key, word in words.items() if (teacher[key] is None) is accepts)
        for accepts in (True, False)
    )
    last = audits[-1] if audits else {}
    return Review(
        drawn=len(people.tasks(GROUP)),
        judged=len(words),
        among_people=among_people(claims),
        with_teacher=_concord([(word, teacher[key]) for key, word in words.items()]),
        by_people=_score(word is None for key, word in words.items() if key in last),
        sound=corrected(_score(teacher[key] is None for key in last), accepted, rejected),
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


def _audits(ledger: Ledger) -> list[dict[str, Annotation]]:
    """The audited annotations of each evaluated round whose steps were judged, by the names of their reviews."""
    rounds = range(1, ledger.last_round("evaluate") + 1)
    bought = (ledger.traced(number, "annotate", Bought) for number in rounds)
    return [
        {f"{GROUP}/{a.question.id}": a for a in batch.annotations if a.audit and a.verdict.of == "steps"}
        for batch in bought
        if batch
    ]


def _content(annotation: Annotation) -> dict[str, object]:
    """What people see: neither the teacher's verdict nor the answer that the data set has."""
    question, said = annotation.question, annotation.attempt
    choices = {"choices": list(question.choices)} if question.choices else {}
    return {"question": question.text, **choices, "steps": list(said.steps), "answer": said.answer}


def _flaw(claim: Claim) -> Flaw:
    return read_verdict(claim.reply or "", shown(claim.task)).first_flaw


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
