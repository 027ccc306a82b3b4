"""The teacher that knows: a built-in world's exact solver and checker behind the door of an LLM."""

import asyncio
import json
import random
import re
from typing import Any, Literal

from pydantic import Field

from elad.errors import UnreadableQuestion
from elad.records import Explanation
from elad.teacher.messages import Request
from elad.teacher.teacher import Reply, Teacher, counted_reply
from elad.worlds import WORLDS


class Solver(Teacher):
    """Answers requests about one world from their text alone, in replies that an LLM could have written.

    `error_rate`: the share of replies that are wrong as an LLM's may be (a flaw overlooked or seen where there is
    none, a number changed); which ones follows from the request. `latency`: seconds that an answer takes.
    """

    kind: Literal["solver"] = "solver"
    world: Literal["arithmetic", "deduction"]
    error_rate: float = Field(0.0, ge=0, le=1)
    latency: float = Field(0.0, ge=0)

    def identity(self) -> dict[str, Any]:
        """All but how long it takes."""
        return {name: value for name, value in super().identity().items() if name != "latency"}

    async def ask(self, request: Request) -> Reply:
        """Solve, or check and repair; `{"unusable": ...}` for a question that is not of this world."""
        await asyncio.sleep(self.latency)
        asked = request.said()
        rng = random.Random(request.key(self.identity()))
        errs = rng.random() < self.error_rate
        try:
            replied = self._revise if request.shows_explanation else self._solve
            content = replied(asked, errs, rng)
        except UnreadableQuestion as error:
            content = {"unusable": str(error)}
        return counted_reply(request, json.dumps(request.wanted(content), ensure_ascii=False))

    def _solve(self, asked: dict[str, Any], errs: bool, rng: random.Random) -> dict[str, Any]:
        solution = WORLDS[self.world].solve(asked["question"])
        if errs:
            solution = _spoilt(solution, rng)
        return {"steps": solution.steps, "answer": solution.answer}

    def _revise(self, asked: dict[str, Any], errs: bool, rng: random.Random) -> dict[str, Any]:
        world = WORLDS[self.world]
        steps, whole = tuple(asked.get("steps", {}).values()), "answer" in asked
        verdict = world.check(asked["question"], Explanation(steps=steps, answer=asked.get("answer")))
        flaw, why = verdict.first_flaw, verdict.why
        if flaw == len(steps) and not whole:  # in a dialogue there is more to come
            flaw = None
        if errs and flaw is not None and (asked.get("answer") or not whole) and rng.random() < 0.5:
            return {"flaw": None}
        if errs and flaw is None:
            flaw, why = rng.randrange(len(steps)) if whole else len(steps) - 1, "does not follow"
        if flaw is None:
            return {"flaw": None}
        rest = world.solve(asked["question"], steps[:flaw])
        if errs:
            rest = _spoilt(rest, rng)
        return {"flaw": flaw + 1, "why": why, "steps": rest.steps, "answer": rest.answer}


def _spoilt(solution: Explanation, rng: random.Random) -> Explanation:
    """A solution with one mistake that a hasty reader might miss: a number off by one, or a conclusion turned round."""
    numbered = [i for i, step in enumerate(solution.steps) if re.search(r"\d", step)]
    if numbered:
        i = rng.choice(numbered)
        last = re.findall(r"\d+", solution.steps[i])[-1]
        wrong = str(int(last) + 1)
        steps = tuple(wrong.join(step.rsplit(last, 1)) if j == i else step for j, step in enumerate(solution.steps))
        return Explanation(steps=steps, answer=wrong if i == len(solution.steps) - 1 else solution.answer)
    turned = {"True": "False", "False": "True"}
    return Explanation(steps=solution.steps, answer=turned.get(solution.answer or "", solution.answer))
