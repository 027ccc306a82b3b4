"""The same evidence by other means: `transformers` as a good user would call it, and CTranslate2."""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from elad.layout import PLAIN
from elad.records import Needs, Question
from elad.student import Student

ROWS = 64

Generate = Callable[[Sequence[str], int, bool], list[str]]
"""So many continuations of each prompt, sampled or greedy."""


def plainly(student: Student, asked: Sequence[Question], needs: Needs) -> None:
    """By `generate`: batches sorted by length, `num_return_sequences`, a prompt of its own at every step boundary."""

    def generate(prompts: Sequence[str], count: int, sampled: bool) -> list[str]:
        student.tokenizer.padding_side = "left"
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        texts: dict[int, list[str]] = {}
        for start in range(0, len(order), ROWS):
            chosen = order[start : start + ROWS]
            batch = student.tokenizer([prompts[i] for i in chosen], return_tensors="pt", padding=True)
            how = {"temperature": needs.temperature, "top_k": 0} if sampled else {}
            out = student.model.generate(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=student.most,
                num_return_sequences=count, do_sample=sampled, output_logits=not sampled, return_dict_in_generate=True,
                **how,
            )  # fmt: skip
            new = out.sequences[:, batch["input_ids"].shape[1] :]
            decoded = student.tokenizer.batch_decode(new, skip_special_tokens=True)
            for place, index in enumerate(chosen):
                texts[index] = decoded[place * count : (place + 1) * count]
        return [said for index in range(len(prompts)) for said in texts[index]]

    @torch.inference_mode()
    def force(texts: Sequence[str]) -> None:
        order = sorted(texts, key=len)
        for start in range(0, len(order), ROWS):
            batch = student.tokenizer(order[start : start + ROWS], return_tensors="pt", padding=True)
            student.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.log_softmax(-1)

    _gather(asked, needs, generate, force)


def by_ctranslate2(student: Student, asked: Sequence[Question], needs: Needs) -> None:
    """By CTranslate2, the conversion included; `return_log_prob` for the greedy text, no entropies."""
    import ctranslate2

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "converted"
        student.save(Path(scratch) / "student")
        ctranslate2.converters.TransformersConverter(str(Path(scratch) / "student")).convert(str(folder))
        config = json.loads((folder / "config.json").read_text())
        config["bos_token"] = config["bos_token"] or config["unk_token"]  # it can't read that there is none
        (folder / "config.json").write_text(json.dumps(config))
        generator = ctranslate2.Generator(str(folder), device="cpu", intra_threads=torch.get_num_threads())

    def tokens(texts: Sequence[str]) -> list[list[str]]:
        return [student.tokenizer.convert_ids_to_tokens(ids) for ids in student.tokenizer(list(texts))["input_ids"]]

    def generate(prompts: Sequence[str], count: int, sampled: bool) -> list[str]:
        how: dict[str, Any] = {"sampling_topk": 0, "sampling_temperature": needs.temperature} if sampled else {}
        results = generator.generate_batch(
            tokens(prompts), max_batch_size=ROWS, max_length=student.most, num_hypotheses=count,
            include_prompt_in_result=False, end_token=student.tokenizer.eos_token, return_scores=not sampled, **how,
        )  # fmt: skip
        ids = [sequence for result in results for sequence in result.sequences_ids]
        return list(student.tokenizer.batch_decode(ids, skip_special_tokens=True))

    def force(texts: Sequence[str]) -> None:
        generator.score_batch(tokens(texts), max_batch_size=ROWS)

    _gather(asked, needs, generate, force)


def _gather(
    asked: Sequence[Question], needs: Needs, generate: Generate, force: Callable[[Sequence[str]], None]
) -> None:
    prompts = [PLAIN.asked(question) for question in asked]
    greedy = [PLAIN.read(said).steps for said in generate(prompts, 1, False)]
    generate(prompts, needs.samples, True)
    boundaries = [
        (prompt, steps, index) for prompt, steps in zip(prompts, greedy, strict=True) for index in range(len(steps))
    ]
    if needs.rebuilds:
        generate([prompt + _lines(steps[:index]) for prompt, steps, index in boundaries], needs.rebuilds, True)
    if needs.removed:
        force([
            f"{prompt}{_lines([*steps[:index], *steps[index + 1 :]])}Answer: 0" for prompt, steps, index in boundaries
        ])  # fmt: skip


def _lines(steps: Sequence[str]) -> str:
    return "".join(f"{step}\n" for step in steps)
