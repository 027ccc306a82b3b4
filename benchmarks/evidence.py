"""How fast is evidence? `make evidence` writes benchmarks/results/evidence.json.

The same questions, model, evidence and two cores, three times over in turn: our student; `transformers` as a good user
would call it (length-sorted batches, `generate` with `num_return_sequences`, one prompt at each step boundary); and the
floor, the time of bare forward passes over the distinct tokens, prefilled in full batches and decoded at the width that
is fastest here. Told are ratios within a run, their median and range.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from rich.console import Console

from elad import text
from elad.progress import say, shown
from elad.records import Needs, Question
from elad.student import Student
from elad.student.decode import Continuation
from elad.student.likelihood import Reading
from elad.worlds import Arithmetic, Deduction

RESULTS = Path(__file__).parent / "results" / "evidence.json"
SAMPLES, REBUILDS, TEMPERATURE, MOST, ROWS = 5, 4, 0.7, 96, 64
FULL = Needs(samples=SAMPLES, temperature=TEMPERATURE, removed=True, rebuilds=REBUILDS)
SAMPLING = Needs(samples=SAMPLES, temperature=TEMPERATURE)


def questions(count: int) -> list[Question]:
    """Half arithmetic in full, half deduction: explanations of 1 to 11 steps."""
    return [
        *Arithmetic(count=count // 2, seed=41).questions(),
        *Deduction(count=count - count // 2, seed=41).questions(),
    ]


def plainly(student: Student, asked: Sequence[Question], needs: Needs) -> None:
    """The same evidence by `generate`, batched and sorted by length."""
    prompts = [text.prompt(question) for question in asked]
    greedy = [text.read(said).steps for said in _generate(student, prompts, 1, sampled=False)]
    _generate(student, prompts, needs.samples, sampled=True)
    if needs.rebuilds:
        cut = [
            prompt + "".join(f"{step}\n" for step in steps[:index])
            for prompt, steps in zip(prompts, greedy, strict=True)
            for index in range(len(steps))
        ]
        _generate(student, cut, needs.rebuilds, sampled=True)
    if needs.removed:
        shortened = [
            prompt + "".join(f"{step}\n" for step in [*steps[:index], *steps[index + 1 :]]) + "Answer: 0"
            for prompt, steps in zip(prompts, greedy, strict=True)
            for index in range(len(steps))
        ]
        _forced(student, shortened)


def _generate(student: Student, prompts: Sequence[str], count: int, *, sampled: bool) -> list[str]:
    student.tokenizer.padding_side = "left"
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    texts: dict[int, list[str]] = {}
    for start in range(0, len(order), ROWS):
        chosen = order[start : start + ROWS]
        batch = student.tokenizer([prompts[i] for i in chosen], return_tensors="pt", padding=True)
        how = {"do_sample": True, "temperature": TEMPERATURE, "top_k": 0} if sampled else {"do_sample": False}
        out = student.model.generate(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=MOST,
            num_return_sequences=count, output_logits=not sampled, return_dict_in_generate=True, **how,
        )  # fmt: skip
        new = out.sequences[:, batch["input_ids"].shape[1] :]
        decoded = student.tokenizer.batch_decode(new, skip_special_tokens=True)
        for place, index in enumerate(chosen):
            texts[index] = decoded[place * count : (place + 1) * count]
    return [said for index in range(len(prompts)) for said in texts[index]]


@torch.inference_mode()
def _forced(student: Student, texts: Sequence[str]) -> None:
    order = sorted(texts, key=len)
    for start in range(0, len(order), ROWS):
        batch = student.tokenizer(order[start : start + ROWS], return_tensors="pt", padding=True)
        student.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.log_softmax(-1)


class Watched(Student):
    """A student that counts the distinct tokens that it reads: to encode, to decode, and what stands before these."""

    encoded = decoded = before = 0

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
        rates.append(_timed(partial(model, input_ids=ids, logits_to_keep=1), 4) / ids.numel())
    steps = []
    for width in (64, 128, 256, 512):
        ids = torch.randint(4, words, (1, length)).expand(width, -1)
        cache = model(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
        token = torch.full((width, 1), 5)

        def step(cache: Any = cache, token: torch.Tensor = token) -> None:
            model(input_ids=token, past_key_values=cache, use_cache=True)
            cache.crop(-1)

        steps.append(_timed(step, 8) / width)
    return min(rates) * student.encoded + min(steps) * student.decoded


def _timed(work: Callable[[], Any], times: int = 1) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def compare(student: Student, asked: Sequence[Question], needs: Needs) -> tuple[float, float]:
    """How many times faster than plain generation, and how many times slower than the floor, in one turn."""
    watched = Watched(student.model, student.tokenizer, most=MOST)
    watched.attempt(asked, needs, "evidence")
    ours = _timed(lambda: student.attempt(asked, needs, "evidence"))
    plain = _timed(lambda: plainly(student, asked, needs))
    least = floor(watched)
    say(f"  ours {ours:.1f} s, plain {plain:.1f} s, floor {least:.1f} s")
    return plain / ours, ours / least


def profile(asked: Sequence[Question]) -> str:
    """Where the time of full evidence goes, by operator: forked, and from prompts of their own."""
    told = ""
    for forks in (True, False):
        student = Student.load("tiny", most=MOST)
        student.__dict__["_forks"] = forks
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
            student.attempt(asked, FULL, "evidence")
        table = seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=8, max_name_column_width=40)
        told += f"{'forked' if forks else 'prompts of their own'}\n{table}\n"
    return told


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median and the range."""
    return {"median": round(statistics.median(values), 2), "low": round(min(values), 2), "high": round(max(values), 2)}


def main() -> None:
    """Measure in turns and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=256)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="only tell where the time goes")
    options = parser.parse_args()
    if options.profile:
        print(profile(questions(options.questions)))
        return
    student = Student.load("tiny", most=MOST)
    asked = questions(options.questions)
    with shown(Console(file=sys.stderr)):
        compare(student, asked[:32], FULL)  # warm
        full = [compare(student, asked, FULL) for _ in range(options.turns)]
        sampling = [compare(student, asked, SAMPLING) for _ in range(options.turns)]
    told = {
        "command": "make evidence",
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "needs": FULL.model_dump(),
        "questions": len(asked),
        "speedup_full": spread([faster for faster, _ in full]),
        "speedup_sampling": spread([faster for faster, _ in sampling]),
        "over_floor": spread([slower for _, slower in full]),
    }
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
