"""What happened in a run, read from its ledger alone: as data, and as Markdown."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from elad.annotate import Bought
from elad.budget import Price, Usage
from elad.errors import RunFolderError
from elad.evaluate import Score, Scores, Tally, aurocs
from elad.folder import last_student, stopped
from elad.ledger import Ledger, Outcome
from elad.prices import in_force, tariffs
from elad.recipe import Recipe
from elad.records import Annotation
from elad.sufficiency import audited, exact_interval


def summary(ledger: Ledger) -> dict[str, Any]:
    """The run so far as plain data, ready for JSON."""
    recipe = stored_recipe(ledger)
    numbers = range(ledger.last_round("evaluate") + 1) if ledger.traced(0, "evaluate", Scores) else ()
    return {
        "name": recipe.name,
        "student": recipe.student.model,
        "teacher": recipe.teacher.name or recipe.teacher.kind,
        "select": recipe.select.kind,
        "annotate": recipe.annotate.kind,
        "stopped": stopped(ledger),
        "spent": _spent(ledger.calls.spent(), in_force(ledger)),
        "of_this": _of_this(ledger),
        "prices": [tariff.model_dump(mode="json", exclude_none=True) for tariff in tariffs(ledger)],
        "budget": recipe.budget.model_dump(mode="json", exclude_none=True),
        "questions": ledger.counts(),
        "set_aside": [{"row": id, "reason": reason} for id, reason in ledger.unusable()],
        "rounds": [_round(ledger, recipe, number) for number in numbers],
        "result": str(last_student(ledger) or recipe.student.model),
    }


def stored_recipe(ledger: Ledger) -> Recipe:
    """The resolved recipe that the run was started with. Raises RunFolderError where none was."""
    recipe = ledger.fact("recipe")
    if recipe is None:
        raise RunFolderError(f"{ledger.folder} holds no run yet: its recipe was never written.")
    try:
        return Recipe.model_validate_json(recipe)
    except ValidationError as error:
        raise RunFolderError(
            f"{ledger.folder}: its recipe can't be read here ({error.errors()[0]['msg']}). Parts of another package "
            "must be importable; else use the version of elad that made the run."
        ) from error


_MEANS = {
    "reused": "answered in earlier runs, and not paid again",
    "uncertain": "broken off, so that it may not have been billed",
}


def _untold(told: dict[str, Any]) -> list[int]:
    return [count] if (count := told["spent"].get("untold_calls")) else []


def _priced(tariff: dict[str, Any]) -> str:
    classes = ", ".join(f"{name} {price}" for name, price in tariff["price"].items())
    return f"{classes} of a million tokens ({tariff['source']}, {tariff['day']})"


def annotations(ledger: Ledger) -> list[Annotation]:
    """Every annotation that was bought, round by round."""
    return [a for number in range(1, ledger.last_round("annotate") + 1) for a in _bought(ledger, number).annotations]


def markdown(told: dict[str, Any]) -> str:
    """The summary as Markdown, for a file or a pull request."""
    lines = [
        f"# {told['name']}",
        "",
        f"- student `{told['student']}`, teacher `{told['teacher']}`, select `{told['select']}`, "
        f"annotate `{told['annotate']}`",
        f"- stopped: {told['stopped'] or 'not yet'}",
        f"- spent: {said(told['spent'])}",
        *(f"- of this {_MEANS[name]}: {said(part)}" for name, part in told["of_this"].items()),
        *(f"- {untold} calls count at their bounds, as what they cost was not told" for untold in _untold(told)),
        *(f"- price: {_priced(tariff)}" for tariff in told["prices"][-1:]),
        f"- budget: {said(told['budget'])}",
        f"- questions: {states(told)}",
        f"- student now: `{told['result']}`",
        "",
        *grid(*table(told)),
    ]
    if told["rounds"]:
        lines += ["", "Held-out answers before the first round and after the last:", ""]
        lines += grid(*domains(told))
    if any(round["aurocs"] for round in told["rounds"]):
        names = sorted({name for round in told["rounds"] for name in round["aurocs"]})
        rows = [
            [str(round["round"]), *(f"{round['aurocs'][n]:.2f}" if n in round["aurocs"] else "" for n in names)]
            for round in told["rounds"]
            if round["aurocs"]
        ]
        lines += [
            "",
            "How well each score told the flawed explanations from the sound ones (AUROC, on what was paid for):",
        ]
        lines += ["", *grid(["round", *names], rows)]
    if told["set_aside"]:
        lines += ["", f"Set aside, of {told['questions']['unusable']} the first:", ""]
        lines += [f"- {row['row']}: {row['reason']}" for row in told["set_aside"][:10]]
    return "\n".join(lines) + "\n"


def states(told: dict[str, Any]) -> str:
    """How many questions are in which state: `9 annotated, 4 held out`."""
    return ", ".join(f"{count} {state}" for state, count in sorted(told["questions"].items()))


def table(told: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The run's rounds as a header and rows of text, with a column a domain where they are few."""
    names = [] if has_many_domains(told) else _domains(told)
    spent = "spent" if "money" in told["spent"] else "tokens"
    header = ["round", "asked", spent, "accuracy [95%]", *names, "agreement [95%]"]
    return header, [
        [
            str(round["round"]),
            str(round["asked"]),
            _briefly(round["spent"]),
            shares(round["accuracy"]["overall"]),
            *(f"{round['accuracy']['domains'][name]['share']:.0%}" for name in names),
            shares(round["agreement"]) if round["agreement"]["total"] else "",
        ]
        for round in told["rounds"]
    ]


def has_many_domains(told: dict[str, Any]) -> bool:
    """Whether there are more domains than stand side by side in 80 columns."""
    return len(_domains(told)) > 4


def domains(told: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The held-out questions before and after, by domain and over all, as a header and rows of text.

    `same steps`: how many explanations are the held-out file's own, step by step.
    """
    ends = told["rounds"][0], told["rounds"][-1]
    rows = []
    for name in (*_domains(told), None):
        before, after = (_of(round["accuracy"], name) for round in ends)
        steps = [_of(round["same_steps"], name)["share"] for round in ends]
        moved = " to ".join(f"{share:.0%}" for share in steps if share is not None)
        label = "all" if name is None else name or "(none)"
        rows.append([label, str(before["total"]), shares(before), shares(after), moved])
    return ["domain", "n", "before [95%]", "after [95%]", "same steps"], rows


def _of(tally: dict[str, Any], domain: str | None) -> dict[str, Any]:
    nothing = {"share": None}
    found: dict[str, Any] = tally["overall"] if domain is None else tally["domains"].get(domain, nothing)
    return found


def _domains(told: dict[str, Any]) -> list[str]:
    return sorted(told["rounds"][0]["accuracy"]["domains"], key=_tier) if told["rounds"] else []


def _round(ledger: Ledger, recipe: Recipe, number: int) -> dict[str, Any]:
    scores = ledger.traced(number, "evaluate", Scores)
    assert scores is not None, "a round is told once it has been evaluated"
    bought = _bought(ledger, number)
    attempts = ledger.attempts(number)
    agreed = audited([bought])
    return {
        "round": number,
        "asked": len(bought.annotations) + len(bought.unusable),
        "accepted": sum(a.verdict.first_flaw is None for a in bought.annotations),
        "spent": _spent(ledger.calls.spent(up_to=number), in_force(ledger)),
        "accuracy": _tallied(scores.answers),
        "same_steps": _tallied(scores.steps),
        "agreement": _told(agreed, exact_interval(agreed)),
        "aurocs": aurocs(attempts, bought.annotations, recipe.select),
    }


def _bought(ledger: Ledger, number: int) -> Bought:
    return ledger.traced(number, "annotate", Bought) or Bought(annotations=(), unusable={}, unasked=())


def _tallied(tally: Tally) -> dict[str, Any]:
    return {
        "overall": _told(tally.overall, tally.overall.interval()),
        "domains": {name: _told(score, score.interval()) for name, score in tally.domains.items()},
    }


def _told(score: Score, interval: tuple[float, float]) -> dict[str, Any]:
    share = score.share if score.total else None
    return {"right": score.right, "total": score.total, "share": share, "interval": list(interval)}


def _spent(usage: Usage, price: Price | None) -> dict[str, Any]:
    money = {"money": str(price.of(usage))} if price else {}
    classes = {"cached_tokens", "written_tokens", "reasoning_tokens", "untold_calls", "batched"}
    told = usage.model_dump(exclude={name for name in classes if not getattr(usage, name)}, exclude_none=True)
    return {**told, "tokens": usage.tokens, **money}


def _of_this(ledger: Ledger) -> dict[str, Any]:
    """The part of what was spent that was not paid in this run, and the part of which nobody knows."""
    parts: dict[str, tuple[Outcome, ...]] = {"reused": ("reused",), "uncertain": ("lost",)}
    usages = {name: ledger.calls.spent(outcomes=outcomes) for name, outcomes in parts.items()}
    return {name: _spent(usage, in_force(ledger)) for name, usage in usages.items() if usage.calls}


def said(spent: dict[str, Any]) -> str:
    """What was spent, or may be: `0.0123, 48 calls, 9120 tokens, 812 output tokens`, as far as it is known."""
    known = [str(spent["money"])] if "money" in spent else []
    known += [f"{spent['calls']} calls"] if "calls" in spent else []
    known += [f"{spent['tokens']:,} tokens"] if "tokens" in spent else []
    known += [f"{spent['output_tokens']:,} output tokens"] if "output_tokens" in spent else []
    return ", ".join(known)


def _briefly(spent: dict[str, Any]) -> str:
    return str(spent["money"]) if "money" in spent else f"{spent['tokens']:,}"


def shares(told: dict[str, Any]) -> str:
    """`71.0% [68, 74]`."""
    low, high = told["interval"]
    return f"{told['share']:.1%} [{100 * low:.0f}, {100 * high:.0f}]"


def _tier(domain: str) -> tuple[int, str]:
    known = ("easy", "middle", "hard")
    return (known.index(domain) if domain in known else len(known), domain)


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, line by line."""
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in line)} |" for line in lines]
