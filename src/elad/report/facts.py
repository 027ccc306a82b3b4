"""What stands on the first screen, in a browser and in a terminal: what was made of what, and where that stands."""

from decimal import Decimal
from typing import Any, NamedTuple

from elad.report.text import said, shares, states


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
        *([_stands(told, now)] if now else [Fact("stopped", told["stopped"] or "not yet", [])]),
        *([_accuracy(rounds)] if rounds else []),
        *([_agreement(rounds[-1]["agreement"], told["people"])] if rounds and rounds[-1]["agreement"]["total"] else []),
        *_people(told["people"]),
        Fact("spent", said(told["spent"]), [_of_budget(told), *_of_this(told)]),
        *([_bought_last(rounds)] if len(rounds) > 1 else []),
        Fact("questions", states(told), [f"together {sum(told['questions'].values()):,}: all rows that came in"]),
        Fact("student now", told["result"], []),
    ]


def _how(told: dict[str, Any]) -> str:
    return f"{told['select']} selects, {told['annotate']} annotates"


def _stands(told: dict[str, Any], now: dict[str, Any]) -> Fact:
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
        f", about {span(left)} left" if left is not None else ""
    )


def span(seconds: float) -> str:
    """A time as people say it: `40 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _accuracy(rounds: list[dict[str, Any]]) -> Fact:
    first, last = rounds[0]["accuracy"]["overall"], rounds[-1]["accuracy"]["overall"]
    before = [f"{shares(first)} before the first round"] if len(rounds) > 1 else []
    return Fact("accuracy", f"{shares(last)} of {last['total']:,} held-out answers", before)


def _agreement(agreement: dict[str, Any], people: dict[str, Any] | None) -> Fact:
    details = [f"{agreement['right']} of {agreement['total']} held, of the last round's uniform audit"]
    review = people and people["review"]
    return Fact(
        "agreement",
        f"{shares(agreement)} with the teacher",
        [*details, *(_corrected(review) if review and review["judged"] else [])],
    )


def _corrected(review: dict[str, Any]) -> list[str]:
    """What the agreement is worth, by what people found of the teacher's verdicts."""
    sound, alone = review["sound"], review["by_people"]
    low, high = sound["interval"]
    share = f"between {low:.0%} and {high:.0%}" if sound["share"] is None else shares(sound)
    counted = f"{alone['right']} of the {alone['total']} of this round that people judged"
    return [
        f"sound, with the teacher's errors as people found them in {review['judged']} reviewed verdicts of all rounds: "
        f"{share}",
        *([f"sound by people's word alone: {shares(alone)}, {counted}"] if alone["total"] else []),
    ]


def _people(people: dict[str, Any] | None) -> list[Fact]:
    """What people are asked, and how far they agree."""
    if people is None:
        return []
    waiting = {name: counts["wanted"] - counts["answered"] for name, counts in people["groups"].items()}
    value = ", ".join(f"{count} answers of {name} are wanted" for name, count in waiting.items() if count)
    review = people["review"] or {}
    agreed = {
        "with the teacher": review.get("with_teacher"),
        "with one another, in the review": review.get("among_people"),
        "with one another": people["among_people"],
    }
    details = [_agreed(how, concord) for how, concord in agreed.items() if concord and concord["same_flaw"]["total"]]
    return [Fact("people", value or "nothing waits for them", details)]


def _agreed(how: str, concord: dict[str, Any]) -> str:
    flaw, sound, kappa = concord["same_flaw"], concord["same_soundness"], concord["kappa"]
    beyond = f", kappa {kappa:.2f}" if kappa is not None else ""
    return (
        f"agree {how} on the first flaw of {flaw['right']} of {flaw['total']} explanations, {shares(flaw)}, "
        f"on whether there is one of {sound['right']}{beyond}"
    )


def _of_budget(told: dict[str, Any]) -> str:
    spent, caps = told["spent"], told["budget"]
    parts = [
        Decimal(str(spent[name])) / Decimal(str(cap)) for name, cap in caps.items() if name in spent and float(cap)
    ]
    used = f"{max(parts):.0%} of the budget" if parts else "of a budget"
    return f"{used}: {said(caps)}"


_MEANS = {
    "reused": "answered in earlier runs, and not paid again",
    "uncertain": "broken off, so that it may not have been billed",
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


def _bought_last(rounds: list[dict[str, Any]]) -> Fact:
    """What the last round's spending came to: the nearest thing to what the next will."""
    before, after = rounds[-2], rounds[-1]
    gain, low, high = difference(before["accuracy"]["overall"], after["accuracy"]["overall"])
    now, then = after["spent"], before["spent"]
    paid = {name: _less(now[name], then[name]) for name in ("money", "tokens") if name in now}
    return Fact(
        "last round bought",
        f"{100 * gain:+.1f} points [{100 * low:+.0f}, {100 * high:+.0f}] of held-out accuracy for {said(paid)}",
        [],
    )


def _less(after: Any, before: Any) -> Any:
    return str(Decimal(after) - Decimal(before)) if isinstance(after, str) else after - before


def difference(before: dict[str, Any], after: dict[str, Any]) -> tuple[float, float, float]:
    """How much a share grew, with a 95% interval: Newcombe's (1998, method 10), of the two shares' own intervals.

    The same questions are scored twice, so it is cautious.
    """
    gain = after["share"] - before["share"]
    (low1, high1), (low2, high2) = before["interval"], after["interval"]
    below = ((after["share"] - low2) ** 2 + (high1 - before["share"]) ** 2) ** 0.5
    above = ((high2 - after["share"]) ** 2 + (before["share"] - low1) ** 2) ** 0.5
    return gain, gain - below, gain + above
