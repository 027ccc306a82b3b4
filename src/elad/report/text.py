"""The phrases and tables that all reports share."""

from typing import Any


def states(told: dict[str, Any]) -> str:
    """How many questions are in which state: `9 annotated, 4 held out`."""
    return ", ".join(f"{count} {state}" for state, count in sorted(told["questions"].items()))


def table(told: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The run's rounds as a header and rows of text, with a column a domain where they are few.

    `kept`: how many annotations are trained on, where a round left some out.
    """
    chosen = any("kept" in round for round in told["rounds"])
    names = [] if has_many_domains(told) else _domains(told)
    spent = "spent" if "money" in told["spent"] else "tokens"
    header = ["round", "asked", *(["kept"] if chosen else []), spent, "accuracy [95%]", *names, "agreement [95%]"]
    return header, [
        [
            str(round["round"]),
            str(round["asked"]),
            *([_kept(round)] if chosen else []),
            _briefly(round["spent"]),
            shares(round["accuracy"]["overall"]),
            *(f"{round['accuracy']['domains'][name]['share']:.0%}" for name in names),
            shares(round["agreement"]) if round["agreement"]["total"] else "",
        ]
        for round in told["rounds"]
    ]


def _kept(round: dict[str, Any]) -> str:
    return str(sum(kept for kept, _ in round["kept"].values()) if "kept" in round else round["accepted"]["total"])


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
    return sorted(told["rounds"][0]["accuracy"]["domains"], key=tier) if told["rounds"] else []


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


def tier(domain: str) -> tuple[int, str]:
    """By which domains are put in order: the built-in tiers from easy to hard, others by name."""
    known = ("easy", "middle", "hard")
    return (known.index(domain) if domain in known else len(known), domain)
