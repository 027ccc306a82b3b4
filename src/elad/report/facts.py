"""What stands on the first screen, in a browser and in a terminal: what was made of what, and where that stands."""

from decimal import Decimal
from typing import Any, NamedTuple

from elad.report.certificate import certified, whose
from elad.report.text import said, shares, states
from elad.sufficiency import in_words


class Fact(NamedTuple):
    """A line of the first screen: its name, what it says, and what goes with it."""

    name: str
    value: str
    details: list[str]


def facts(told: dict[str, Any], now: dict[str, Any] | None = None) -> list[Fact]:
    """The first screen of a summary; with `now`, of a run that may be under way."""
    rounds = told["rounds"]
    return [
        Fact("distilled", f"{told['student']}, from {told['teacher']}", [_how(told)]),
        stands(told, now) if now else Fact("stopped", told["stopped"] or "not yet", []),
        *([_accuracy(rounds)] if rounds else []),
        *trust(told),
        *([_certified(told["certificate"])] if told["certificate"] else []),
        Fact("spent", said(told["spent"]), [_of_budget(told), *_of_this(told)]),
        *([_mentor(told)] if told["mentor"] else []),
        *([_bought_last(rounds)] if len(rounds) > 1 else []),
        *([_buys_next(told["forecast"])] if told["forecast"] else []),
        Fact("questions", states(told), [f"together {sum(told['questions'].values()):,}: all rows that came in"]),
        Fact("student now", told["result"], []),
    ]


def _how(told: dict[str, Any]) -> str:
    return f"{told['select']} selects, {told['annotate']} annotates"


def stands(told: dict[str, Any], now: dict[str, Any]) -> Fact:
    """Why it stopped, or what it is doing."""
    if told["stopped"]:
        return Fact("stopped", told["stopped"], [])
    if not now["running"]:
        return Fact(
            "stands", f"not running, in round {now['round']}", ["`elad run` with its recipe goes on from there"]
        )
    works = [_work(work) for work in now["work"]]
    calls = [f"{now['calls_under_way']} calls under way"] if now["calls_under_way"] else []
    return Fact("stands", f"running, in round {now['round']}", works + calls)


def _work(work: dict[str, Any]) -> str:
    left = work["seconds_left"]
    pace = f", {work['pace']:.3g} a second" if work["pace"] else ""
    return f"{work['work']}: {work['done']:,} of {work['total']:,}{pace}" + (
        f", about {duration(left)} left" if left is not None else ""
    )


def duration(seconds: float) -> str:
    """A time as people say it: `40 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _accuracy(rounds: list[dict[str, Any]]) -> Fact:
    first, last = rounds[0]["accuracy"]["overall"], rounds[-1]["accuracy"]["overall"]
    before = [f"{shares(first)} before the first round"] if len(rounds) > 1 else []
    return Fact("accuracy", f"{shares(last)} of {last['total']:,} held-out answers", before)


def trust(told: dict[str, Any]) -> list[Fact]:
    """How far student and teacher agree, what that is worth, and what people are asked."""
    last, people = told["rounds"][-1:], told["people"]
    return [
        *(_agreement(round, people) for round in last if round["agreement"]["total"]),
        *([_people(people)] if people else []),
    ]


def _agreement(round: dict[str, Any], people: dict[str, Any] | None) -> Fact:
    agreement, review = round["agreement"], people and people["review"]
    counted = f"{agreement['right']} of {agreement['total']} audited {round['judged']} held"
    held = f"{counted}, of the student that entered round {round['round']}"
    by_people = _by_people(review) if review and review["sound"]["total"] else []
    return Fact("agreement", f"{shares(agreement)} with the teacher", [held, *by_people])


def _by_people(review: dict[str, Any]) -> list[str]:
    """What people found of the explanations that the teacher judged."""
    sound, accepted = review["sound"], review["accepted"]
    judged = (
        f"{sound['right']} of the {sound['total']} audited explanations of round {review['round']} that they judged"
    )
    return [f"{shares(sound)} sound by people's word: {judged}; the teacher accepted {accepted['right']} of these"]


def _certified(told: dict[str, Any]) -> Fact:
    """The exam of the last student."""
    unusable = f", {told['unusable']} of them unusable" if told["unusable"] else ""
    return Fact(
        "certified",
        f"{certified(told)} ({100 * told['confidence']:.4g}% confidence, {told['audits']} audits{unusable})",
        [f"{certified(told, 'answers')}, as sure apart", whose(told)],
    )


def _people(people: dict[str, Any]) -> Fact:
    """What people are asked, and how far they agree."""
    waiting = [text for name, counts in people["groups"].items() if (text := _waiting(name, counts))]
    review = people["review"] or {}
    agreed = {
        "with the teacher": review.get("with_teacher"),
        "with one another, in the review": review.get("among_people"),
        "with one another": people["among_people"],
    }
    details = [_agreed(how, concord) for how, concord in agreed.items() if concord and concord["same_flaw"]["total"]]
    return Fact("people", ", ".join(waiting) or "nothing waits for them", details)


def _waiting(group: str, counts: dict[str, Any]) -> str:
    if lacking := counts["wanted"] - counts["answered"]:
        return f"{lacking} answers of {group} are wanted"
    return f"{group} is answered and waits to be handed in" if counts["handed_in"] < counts["wanted"] else ""


def _agreed(how: str, concord: dict[str, Any]) -> str:
    flaw, sound, kappa = concord["same_flaw"], concord["same_soundness"], concord["kappa"]
    beyond = f", kappa {kappa:.2f}" if kappa is not None else ""
    return (
        f"agree {how} on the first flaw of {flaw['right']} of {flaw['total']} explanations, {shares(flaw)}, "
        f"on whether there is one of {sound['right']}{beyond}"
    )


def _of_budget(told: dict[str, Any]) -> str:
    spent, caps, exam = told["spent"], told["budget"], told["of_this"].get("exam", {})
    parts = [
        (Decimal(str(spent[name])) - Decimal(str(exam.get(name, 0)))) / Decimal(str(cap))
        for name, cap in caps.items()
        if name in spent and float(cap)
    ]
    used = f"{max(parts):.0%} of the budget" if parts else "of a budget"
    return f"{used}: {said(caps)}"


_MEANS = {
    "reused": "answered in earlier runs, and not paid again",
    "uncertain": "broken off, so that it may not have been billed",
    "exam": "for the exam, beside the rounds",
}


def _of_this(told: dict[str, Any]) -> list[str]:
    """What is to be known of what was spent."""
    untold = told["spent"].get("untold_calls")
    return [
        *(f"of this {_MEANS[name]}: {said(part)}" for name, part in told["of_this"].items()),
        *([f"{untold} calls count at their bounds, as what they cost was not told"] if untold else []),
        *(f"price: {_priced(tariff)}" for tariff in told["prices"][-1:]),
    ]


def _priced(tariff: dict[str, Any]) -> str:
    classes = ", ".join(f"{name} {price}" for name, price in tariff["price"].items())
    return f"{classes} of a million tokens ({tariff['source']}, {tariff['day']})"


def _mentor(told: dict[str, Any]) -> Fact:
    """What the mentor wrote beside what was bought, over all rounds."""
    rounds = [round["mentored"] for round in told["rounds"] if round["mentored"]]
    written, right, new = (sum(round[name] for round in rounds) for name in ("written", "right", "new"))
    said = f"{new:,} new explanations beside those that were bought"
    return Fact("mentor", said, [f"{told['mentor']} wrote {written:,}, of which {right:,} had the teacher's answer"])


def _bought_last(rounds: list[dict[str, Any]]) -> Fact:
    """What the last round's spending came to."""
    before, after = rounds[-2], rounds[-1]
    gain, (low, high) = after["gain"]["points"], after["gain"]["interval"]
    now, then = after["spent"], before["spent"]
    paid = {name: _less(now[name], then[name]) for name in ("money", "tokens") if name in now}
    return Fact(
        "last round bought",
        f"{100 * gain:+.1f} points [{100 * low:+.0f}, {100 * high:+.0f}] of held-out accuracy for {said(paid)}",
        [],
    )


def _buys_next(expected: dict[str, Any]) -> Fact:
    """What the next round's spending is expected to come to, by all rounds so far."""
    gain = (expected["gain"]["points"], *expected["gain"]["interval"])
    value = in_words(expected["unit"], expected["cost"], gain, expected["a_point"])
    return Fact("next would buy", value, ["expected by a learning curve of the rounds so far; 95% interval"])


def _less(after: Any, before: Any) -> Any:
    return str(Decimal(after) - Decimal(before)) if isinstance(after, str) else after - before
