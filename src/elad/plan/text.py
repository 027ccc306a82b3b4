"""A plan, for a person to read."""

from collections.abc import Iterator
from typing import Any

from rich.filesize import decimal as size_of

from elad.report import said


def lines(told: dict[str, Any]) -> Iterator[str]:
    """The plan, line by line."""
    if told["stopped"]:
        yield f"stopped: {told['stopped']}"
        return
    yield f"from round {told['round']} on: {told['rounds']} rounds, {told['questions']:,} questions"
    if told["may_stop_sooner"]:
        yield f"  unless {' or '.join(told['may_stop_sooner'])} stops it sooner"
    yield f"spent:    {said(told['spent'])}"
    yield f"expected: {said(told['expected'])}{_margin(told)}"
    yield f"at most:  {said(told['at_most'])}"
    yield f"budget:   {said(told['budget'])}"
    if told["unpriced"]:
        yield "  no price is known, so money is not reckoned: give teacher.price"
    times = [f"{what} {_time(seconds)}" for what, seconds in told["seconds"].items()]
    yield f"time:     {', '.join(times)}" + ("" if "answers" in told["seconds"] else "; of answers not known: --probe")
    yield f"disk:     {size_of(told['disk'])}"
    yield from (f"  {finding}" for finding in told["memory"])
    yield "asked first:"
    yield from (f"  {' '.join(question.split())[:110]}" for question in told["first"])
    if told["request"]:
        yield "the first request:"
    for message in told["request"]:
        yield f"  [{message['role']}]"
        yield from (f"    {line}" for line in message["content"].splitlines())


def _margin(told: dict[str, Any]) -> str:
    if not told["known"]:
        return " (a guess: replies as long as the student's; --probe 20 knows better)"
    if told["margin"] is None:
        return f" (after {told['known']} question)"
    return f" (± {told['margin']:.0%}, after {told['known']} questions)"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
