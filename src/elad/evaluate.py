"""How good the student is, and how well its doubt told right from wrong."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from heapq import nsmallest

from elad.answers import same_answer
from elad.records import Annotation, Attempt, Explanation, Question, Record
from elad.select import SCORES, Selector
from elad.student import Student
from elad.text import digest, same_steps


class Score(Record):
    """Right answers out of how many."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """The share that is right; 0 of none."""
        return self.right / self.total if self.total else 0.0

    def interval(self) -> tuple[float, float]:
        """The 95% Wilson interval of the share."""
        from scipy.stats import binomtest

        if not self.total:
            return 0.0, 1.0
        low, high = binomtest(self.right, self.total).proportion_ci(0.95, method="wilson")
        return float(low), float(high)

    def gain_over(self, before: "Score") -> tuple[float, float, float]:
        """How much the share has grown, with a 95% interval: Newcombe's (1998, method 10), of the two Wilson intervals.

        It takes the two for independent. Where the same questions are scored twice, it is cautious.
        """
        gain = self.share - before.share
        (low1, high1), (low2, high2) = before.interval(), self.interval()
        below = ((self.share - low2) ** 2 + (high1 - before.share) ** 2) ** 0.5
        above = ((high2 - self.share) ** 2 + (before.share - low1) ** 2) ** 0.5
        return gain, gain - below, gain + above


class Tally(Record):
    """Scores over all held-out questions, and by domain where they have one."""

    overall: Score
    domains: dict[str, Score]


class Scores(Record):
    """How the student explains the held-out questions.

    `answers`: whether its final answers are right. `steps`, of the questions whose steps the file has: whether its
    explanations are these, step by step. Sound explanations in other words or another order do not count there, and
    right answers by wrong steps do not either, so it is a lower bound of sound reasoning.
    """

    answers: Tally
    steps: Tally


def evaluate(student: Student, held_out: Sequence[Question]) -> Scores:
    """Have the student explain every held-out question greedily, and hold that against what the file has."""
    explained = list(zip(held_out, student.explain(held_out, "evaluate"), strict=True))
    return Scores(
        answers=_tally((q.domain, same_answer(said.answer, q.answer, q)) for q, said in explained),
        steps=_tally((q.domain, same_steps(said.steps, q.steps)) for q, said in explained if q.steps),
    )


class Revisited(Record):
    """What the student says, after a round's training, to questions that were annotated before, by their ids.

    `answers`: how many of its answers are those that it was taught.
    """

    explanations: dict[str, Explanation]
    answers: Score


_REVISITED = 100
"""Questions that are asked again at most."""


def revisit(student: Student, annotations: Sequence[Annotation], seed: str) -> Revisited:
    """Let the student explain a uniform sample of what it was taught so far, as far as it can be the same as before."""
    sample = nsmallest(_REVISITED, annotations, key=lambda annotation: digest(f"{seed}/{annotation.question.id}"))
    said = student.explain([annotation.question for annotation in sample], "revisit")
    marks = [same_answer(e.answer, a.target.answer, a.question) for e, a in zip(said, sample, strict=True)]
    return Revisited(
        explanations={
            annotation.question.id: explanation for annotation, explanation in zip(sample, said, strict=True)
        },
        answers=Score(right=sum(marks), total=len(marks)),
    )


def _tally(marks: Iterable[tuple[str | None, bool]]) -> Tally:
    by_domain: dict[str, list[bool]] = defaultdict(list)
    for domain, right in marks:
        by_domain[domain or ""].append(right)
    domains = {name: Score(right=sum(found), total=len(found)) for name, found in sorted(by_domain.items())}
    overall = Score(right=sum(s.right for s in domains.values()), total=sum(s.total for s in domains.values()))
    return Tally(overall=overall, domains=domains if set(domains) != {""} else {})


def aurocs(attempts: Iterable[Attempt], annotations: Sequence[Annotation], selector: Selector) -> dict[str, float]:
    """For every score whose evidence is there, the area under the ROC curve for "the teacher found a flaw".

    The selector's own score stands under its kind. The areas are over the questions that were paid for; there are none
    where the teacher found a flaw in all of them or in none. Most of them were chosen for being doubtful, which narrows
    the range and so draws the areas towards 0.5.
    """
    flawed = {a.question.id: a.verdict.first_flaw is not None for a in annotations}
    judged = [attempt for attempt in attempts if attempt.question.id in flawed]
    marks = [flawed[attempt.question.id] for attempt in judged]
    areas = {}
    for name, score in {**SCORES, **selector.scores}.items():
        values = [value for attempt in judged if (value := score(attempt)) is not None]
        if len(values) == len(judged) and (area := auroc(values, marks)) is not None:
            areas[name] = area
    return areas


def auroc(values: Sequence[float], marks: Sequence[bool]) -> float | None:
    """The chance that a marked value is above an unmarked one, ties counting half; None where one kind is missing."""
    from scipy.stats import rankdata

    marked = sum(marks)
    unmarked = len(marks) - marked
    if not marked or not unmarked:
        return None
    ranks = rankdata(values)
    total = float(sum(rank for rank, mark in zip(ranks, marks, strict=True) if mark))
    return (total - marked * (marked + 1) / 2) / (marked * unmarked)
