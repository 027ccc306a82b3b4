"""How fast is evidence? `make evidence` writes benchmarks/results/evidence.json.

The same questions, model, evidence and cores, several times over in turn: our student; the rivals (`rivals.py`); and
the floor, the time of bare forward passes over the distinct tokens, encoded and decoded at the widths that are fastest
here. Told are ratios within a turn, their median and range; and how evidence grows with steps, samples and the pool.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
import transformers
from rich.console import Console
from rivals import by_ctranslate2, plainly
from timing import spread, timed

import elad.loop
from elad.loop import distil
from elad.progress import say, shown
from elad.recipe import Recipe, load_recipe
from elad.records import Needs, Question
from elad.student import Student
from elad.student.decode import Continuation
from elad.student.likelihood import Reading
from elad.worlds import Arithmetic, Deduction

RESULTS = Path(__file__).parent / "results" / "evidence.json"
SAMPLES, REBUILDS, TEMPERATURE, MOST = 5, 4, 0.7, 96
FULL = Needs(samples=SAMPLES, temperature=TEMPERATURE, removed=True, rebuilds=REBUILDS)
SAMPLING = Needs(samples=SAMPLES, temperature=TEMPERATURE)


def questions(count: int) -> list[Question]:
    """Half arithmetic in full, half deduction: explanations of 1 to 11 steps."""
    return [
        *Arithmetic(count=count // 2, seed=41).questions(),
        *Deduction(count=count - count // 2, seed=41).questions(),
    ]


class Watched(Student):
    """A student that counts the distinct tokens that it reads: to encode, to decode, and what stands before these."""

    encoded = decoded = before = written = 0

    def write(self, continuations: Sequence[Continuation], temperature: float = 1.0) -> Iterator[Continuation]:
        """As ever, counting: what several continuations have in common is one token."""
        prompts = {tuple(continuation.prompt) for continuation in continuations}
        seen: set[tuple[int, ...]] = set(prompts)
        self.encoded += sum(map(len, prompts))
        for continuation in super().write(continuations, temperature):
            text = tuple(continuation.text)
            new = {text[:stop] for stop in range(len(continuation.prompt) + 1, len(text) + 1)} - seen
            seen |= new
            self.decoded += len(new)
            self.written += len(continuation.tokens)
            self.before += sum(map(len, new))
            yield continuation

    def loglikelihoods(self, readings: Sequence[Reading]) -> list[float]:
        """As ever, counting what is not shared."""
        self.encoded += sum(len(reading.unread) for reading in readings)
        return super().loglikelihoods(readings)


@torch.inference_mode()
def floor(student: Watched) -> float:
    """Seconds that the model's forward passes over the tokens that it counted take, at the widths that are fastest."""
    model, words = student.model, student.model.config.vocab_size
    length = round(student.before / student.decoded)
    rates = []
    for width in (8, 32, 128):
        ids = torch.randint(4, words, (width, 48))
        rates.append(timed(partial(model, input_ids=ids, logits_to_keep=1), 4) / ids.numel())
    steps = []
    for width in (64, 128, 256, 512):
        ids = torch.randint(4, words, (1, length)).expand(width, -1)
        cache = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
        token = torch.full((width, 1), 5)

        def step(cache: Any = cache, token: torch.Tensor = token) -> None:
            model(input_ids=token, past_key_values=cache, use_cache=True)
            cache.crop(-1)

        steps.append(timed(step, 8) / width)
    return min(rates) * student.encoded + min(steps) * student.decoded


def compare(student: Student, asked: Sequence[Question], needs: Needs) -> dict[str, float]:
    """How many times faster than other means, and how many times slower than the floor, in one turn."""
    watched = Watched(student.model, student.tokenizer, most=MOST)
    watched.attempt(asked, needs, "evidence")
    ours = timed(lambda: student.attempt(asked, needs, "evidence"))
    plain = timed(lambda: plainly(student, asked, needs))
    least = floor(watched)
    ratios = {"over plain": plain / ours, "over floor": ours / least}
    if find_spec("ctranslate2"):
        ratios["over ctranslate2"] = timed(lambda: by_ctranslate2(student, asked, needs)) / ours
    say(f"  ours {ours:.1f} s, floor {least:.1f} s; " + ", ".join(f"{name} {r:.2f}" for name, r in ratios.items()))
    return ratios


def growth(student: Student, asked: Sequence[Question]) -> dict[str, dict[int, float]]:
    """Milliseconds a question as steps, samples, rests from each step, and rows go up: the least of three."""

    def cost(some: Sequence[Question], needs: Needs, rows: int | None = None) -> float:
        student.rows = rows
        least = min(timed(lambda: student.attempt(some, needs, "evidence")) for _ in range(3))
        return round(1000 * least / len(some), 2)

    by_steps: dict[int, list[Question]] = {}
    for attempt in student.attempt(asked, Needs(), "evidence"):
        by_steps.setdefault(len(attempt.explanation.steps), []).append(attempt.question)
    return {
        "ms a question by steps": {
            count: cost(some[:32], FULL) for count, some in sorted(by_steps.items()) if 0 < count < 9 and len(some) > 31
        },
        "ms a question by samples": {n: cost(asked[::4], Needs(samples=n)) for n in (1, 2, 5, 10, 20)},
        "ms a question by rows": {rows: cost(asked[::2], FULL, rows) for rows in (48, 96, 192, 384, 768)},
        "ms a question by rests": {k: cost(asked[::4], Needs(rebuilds=k)) for k in (1, 2, 4, 8, 16)},
    }


def one_round(candidates: int, folder: Path) -> str:
    """A round of a run, with five samples of each candidate; told are the peak of its memory and its time."""
    recipe = Recipe.model_validate(
        {
            "pool": {"kind": "arithmetic", "count": candidates, "seed": 5},
            "held_out": {"kind": "arithmetic", "count": 2, "seed": 6},
            "student": {"max_tokens": MOST},
            "teacher": {"kind": "solver", "world": "arithmetic"},
            "budget": {"calls": 10},
            "rounds": {"candidates": candidates, "batch": 2},
            "select": {"kind": "egss", "samples": SAMPLES},
            "train": {"kind": "sft"},
            "stop": [{"kind": "budget", "rounds": 1}],
        }
    )
    seconds = timed(lambda: distil(recipe, folder))
    peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return json.dumps({"megabytes": round(int(peak[1]) / 1024) if peak else 0, "seconds": round(seconds, 1)})


def _elsewhere(*arguments: str) -> Any:
    """What this file prints in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def pool_sizes(sizes: Sequence[int]) -> dict[int, dict[str, float]]:
    """The peak memory and the time of a round, by the size of the pool, each in a process of its own."""
    told = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            told[size] = _elsewhere("--round", str(size), "--folder", scratch)
        say(f"  {size} candidates: {told[size]}")
    return told


def shares(rounds: int) -> list[float]:
    """The share of each round of the demo that is no model arithmetic: reading, sampling, ledger, selection, Python.

    A round before them is not counted, in which libraries are imported.
    """
    recipe = load_recipe(Path("recipes/elad.yaml"), [f"stop=[{{kind: budget, rounds: {rounds + 1}}}]"])
    spent: list[tuple[str, float]] = []

    def noting(work: Callable[..., Any], name: str) -> Callable[..., Any]:
        def wrapped(*args: Any, **named: Any) -> Any:
            began = time.perf_counter()
            try:
                return work(*args, **named)
            finally:
                spent.append((name, time.perf_counter() - began))

        return wrapped

    with tempfile.TemporaryDirectory() as scratch, ExitStack() as patched:
        for where, name, of in (
            (transformers.LlamaForCausalLM, "forward", "model"),
            (torch.Tensor, "backward", "model"),
            (torch.nn.utils, "clip_grad_norm_", "model"),
            (torch.optim.AdamW, "step", "model"),
            (elad.loop, "_round", "round"),
        ):
            patched.enter_context(patch.object(where, name, noting(getattr(where, name), of)))
        distil(recipe, Path(scratch))
    told, model = [], 0.0
    for name, seconds in spent:
        if name == "round":
            told.append(1 - model / seconds)
        model = 0.0 if name == "round" else model + seconds
    return told[1:]


def profile(asked: Sequence[Question]) -> str:
    """Where the time of full evidence goes, by operator: forked, and from prompts of their own."""
    told = ""
    for forks in (True, False):
        student = Student.load("tiny", most=MOST)
        student.__dict__["_forks"] = forks
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
            student.attempt(asked, FULL, "evidence")
        table = seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=10, max_name_column_width=40)
        told += f"{'forked' if forks else 'prompts of their own'}\n{table}\n"
    return told


def main() -> None:
    """Measure in turns and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=1024)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--pools", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--profile", action="store_true", help="only tell where the time goes")
    parser.add_argument("--round", type=int, help="only run a round with so many candidates, in --folder")
    parser.add_argument("--shares", type=int, help="only tell what of so many rounds is no model arithmetic")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    asked = questions(options.questions)
    if options.profile:
        print(profile(asked))
        return
    if options.round:
        print(one_round(options.round, options.folder))
        return
    if options.shares:
        print(json.dumps(shares(options.shares)))
        return
    student = Student.load("tiny", most=MOST)
    watched = Watched(student.model, student.tokenizer, most=MOST)
    watched.attempt(asked, FULL, "evidence")
    with shown(Console(file=sys.stderr)):
        compare(student, asked[:32], FULL)  # warm
        full = [compare(student, asked, FULL) for _ in range(options.turns)]
        sampling = [compare(student, asked, SAMPLING) for _ in range(options.turns)]
        overhead = _elsewhere("--shares", str(options.turns))
        say(f"  overhead {overhead}")
        grown = growth(student, asked)
        pools = pool_sizes(options.pools)
    least, *_, most = options.pools
    told: dict[str, Any] = {
        "command": "make evidence",
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "needs": FULL.model_dump(),
        "questions": len(asked),
        "tokens": {"written": watched.written, "distinct": watched.decoded},
        "speedup_full": spread([turn["over plain"] for turn in full]),
        "speedup_sampling": spread([turn["over plain"] for turn in sampling]),
        "over_floor": spread([turn["over floor"] for turn in full]),
        "overhead_share": spread(overhead),
        "memory_ratio_100k_to_1k": spread([pools[most]["megabytes"] / pools[least]["megabytes"]]),
        **grown,
        "a round by candidates": pools,
    }
    if "over ctranslate2" in full[0]:
        told["speedup_full_over_ctranslate2"] = spread([turn["over ctranslate2"] for turn in full])
        told["speedup_sampling_over_ctranslate2"] = spread([turn["over ctranslate2"] for turn in sampling])
        told["versions"]["ctranslate2"] = version("ctranslate2")
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
