"""How fast is training? `make training` writes benchmarks/results/training.json.

The same student, texts, epochs and cores, several times over in turn: our loop, padded and packed; a bare PyTorch loop
over the very same batches, and over batches as they are drawn; and TRL's SFTTrainer, as it comes, with batches of like
length, and packing. Told are tokens a second (of texts, not of padding), as ratios within a turn, their median and
range. Ours counts from texts to trained weights; theirs begin with tokens.
"""

import argparse
import json
import platform
import random
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from datasets.utils.logging import disable_progress_bar
from timing import spread, timed
from transformers import get_scheduler
from trl import SFTConfig, SFTTrainer

from elad.fit import Optimiser
from elad.fit.batches import Row, steps
from elad.fit.fit import fit
from elad.layout import PLAIN
from elad.records import Explanation
from elad.student import Example, Student
from elad.worlds import Arithmetic, Deduction

RESULTS = Path(__file__).parent / "results" / "training.json"
HOW = Optimiser(learning_rate=1e-3, epochs=1, batch=16)


def texts(count: int) -> list[Example]:
    """Worked problems, half arithmetic in full, half deduction: explanations of 1 to 11 steps."""
    asked = [
        *Arithmetic(count=count // 2, seed=41).questions(),
        *Deduction(count=count - count // 2, seed=41).questions(),
    ]
    return [
        Example(PLAIN.asked(q), PLAIN.written(Explanation(steps=q.steps, answer=q.answer))) for q in asked if q.answer
    ]


def ours(examples: Sequence[Example], how: Optimiser = HOW) -> float:
    """Seconds of our loop."""
    student = Student.load("tiny", device="cpu")
    return timed(lambda: fit(student, examples, how, "benchmark"))


def bare(examples: Sequence[Example], *, grouped: bool) -> float:
    """Seconds of a loop as it stands in tutorials: pad, forward, backward, clip, step."""
    student = Student.load("tiny", device="cpu")
    rows = [Row(*student.encode(*example[:2])) for example in examples]
    if grouped:
        plan = list(steps([len(row.ids) for row in rows], HOW, random.Random("benchmark")))
    else:
        order = random.Random("benchmark").sample(range(len(rows)), len(rows))
        plan = [order[start : start + HOW.batch] for start in range(0, len(order), HOW.batch)]
    return timed(lambda: _loop(student, [[rows[index] for index in step] for step in plan]))


def _loop(student: Student, plan: list[list[Row]]) -> None:
    model = student.model
    adam = torch.optim.AdamW(model.parameters(), lr=HOW.learning_rate, weight_decay=HOW.weight_decay)
    schedule = get_scheduler("cosine", adam, round(len(plan) * HOW.warmup), len(plan))
    model.train()
    for rows in plan:
        width = max(len(row.ids) for row in rows)
        ids = torch.tensor([row.ids + [student.pad] * (width - len(row.ids)) for row in rows])
        seen = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in rows])
        labels = torch.tensor([[-100] * row.start + row.learnt + [-100] * (width - len(row.ids)) for row in rows])
        model(input_ids=ids, attention_mask=seen, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), HOW.clip)
        adam.step()
        schedule.step()
        adam.zero_grad()


def trl(examples: Sequence[Example], **otherwise: Any) -> float:
    """Seconds of TRL's trainer."""
    student = Student.load("tiny", device="cpu")
    rows = [{"prompt": example.prompt, "completion": example.target} for example in examples]
    with tempfile.TemporaryDirectory() as scratch:
        settings = SFTConfig(
            output_dir=scratch, per_device_train_batch_size=HOW.batch, num_train_epochs=HOW.epochs,
            learning_rate=HOW.learning_rate, warmup_steps=HOW.warmup, lr_scheduler_type="cosine",
            weight_decay=HOW.weight_decay, max_grad_norm=HOW.clip, use_cpu=True, bf16=False,
            gradient_checkpointing=False, completion_only_loss=True, report_to="none", save_strategy="no",
            logging_strategy="no", disable_tqdm=True, **otherwise,
        )  # fmt: skip
        trainer = SFTTrainer(
            student.model, args=settings, train_dataset=Dataset.from_list(rows), processing_class=student.tokenizer
        )
        return timed(trainer.train)


def turns(examples: Sequence[Example], count: int) -> Iterator[dict[str, float]]:
    """Seconds of everybody, turn by turn."""
    for _ in range(count):
        told = {
            "ours": ours(examples),
            "ours, packed": ours(examples, HOW.model_copy(update={"packed": True})),
            "bare loop": bare(examples, grouped=True),
            "bare loop, batches as drawn": bare(examples, grouped=False),
            "trl": trl(examples),
            "trl, batches of like length": trl(examples, train_sampling_strategy="group_by_length"),
            "trl, packing": trl(examples, packing=True, max_length=256),
        }
        print(", ".join(f"{name} {seconds:.1f} s" for name, seconds in told.items()), flush=True)
        yield told


def main() -> None:
    """Measure in turns and write the results file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    disable_progress_bar()
    examples = texts(options.texts)
    list(turns(examples[:64], 1))  # warm
    taken = list(turns(examples, options.turns))
    student = Student.load("tiny", device="cpu")
    tokens = sum(len(student.encode(*example[:2])[0]) for example in examples)
    told = {
        "command": "make training",
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "versions": {name: version(name) for name in ("torch", "transformers", "trl")},
        "texts": len(examples),
        "tokens": tokens,
        "tokens a second": {name: spread([tokens / turn[name] for turn in taken]) for name in taken[0]},
        "over_bare_loop": spread([turn["bare loop"] / turn["ours"] for turn in taken]),
        "over_trl": spread([turn["trl"] / turn["ours"] for turn in taken]),
        "over_trl_batches_of_like_length": spread(
            [turn["trl, batches of like length"] / turn["ours"] for turn in taken]
        ),
        "over_trl_packing": spread([turn["trl, packing"] / turn["ours"] for turn in taken]),
    }
    RESULTS.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
