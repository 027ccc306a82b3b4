"""How good the student is, and how well its doubt told right from wrong."""

from collections import defaultdict
from collections.abc import Sequence

from elad.records import Annotation, Attempt, Question, Record
from elad.select import SCORES, Selector
from elad.student import Student
from elad.text import same_answer


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


class Scores(Record):
    """The student's final answers on the held-out questions, over all and by domain."""

    overall: Score
    domains: dict[str, Score]


def evaluate(student: Student, held_out: Sequence[Question]) -> Scores:
    """Have the student explain every held-out question greedily, and count the right answers."""
    tally: dict[str, list[bool]] = defaultdict(list)
    for question, explanation in zip(held_out, student.explain(held_out), strict=True):
        tally[question.domain or ""].append(same_answer(explanation.answer, question.answer, question.choices))
    domains = {name: Score(right=sum(marks), total=len(marks)) for name, marks in sorted(tally.items())}
    overall = Score(right=sum(s.right for s in domains.values()), total=sum(s.total for s in domains.values()))
    return Scores(overall=overall, domains=domains if set(domains) != {""} else {})


def aurocs(attempts: Sequence[Attempt], annotations: Sequence[Annotation], selector: Selector) -> dict[str, float]:
    """For every score whose evidence is there, the area under the ROC curve for "the teacher found a flaw".

    The selector's own score stands under its kind. The areas are over the questions that were paid for; there are none
    where the teacher found a flaw in all of them or in none. Most of them were chosen for being doubtful, which narrows
    the range and so draws the areas towards 0.5.
    """
    flawed = {a.question.id: a.verdict.first_flaw is not None for a in annotations}
    judged = [attempt for attempt in attempts if attempt.question.id in flawed]
    marks = [flawed[attempt.question.id] for attempt in judged]
    areas = {}
    for name, score in {**SCORES, selector.kind: selector.score}.items():
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
