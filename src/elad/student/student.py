"""The student: a causal language model that explains questions, shows its doubt, and learns."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from elad import text
from elad.errors import InputError, StorageError
from elad.progress import say, track
from elad.records import Attempt, Evidence, Explanation, Needs, Question
from elad.student import tiny
from elad.student.decode import Writing, loglikelihoods, write
from elad.student.spans import Spans, locate

T = TypeVar("T")

_BRANCHES = 8
"""Branches that weigh as much as a row: a branch holds no tokens but its own."""


class Student:
    """A model with its tokenizer.

    `rows` texts are decoded at a time; an explanation has at most `most` tokens, and with its prompt at most `context`
    (None where the model sets no limit). Raises InputError when that leaves no room for a prompt, or nothing
    ends a text.
    """

    def __init__(self, model: Any, tokenizer: Any, *, rows: int = 64, most: int = 128) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.rows = rows
        self.most = most
        self.pad: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        named = model.generation_config.eos_token_id
        named = named if isinstance(named, list) else [named]
        self.ends = frozenset(id for id in (*named, tokenizer.eos_token_id) if id is not None)
        self.context: int | None = getattr(model.config, "max_position_embeddings", None)
        self._breaks: dict[int, int] = {}
        if not self.ends:
            raise InputError("student.model: its tokenizer has no end-of-text token, so it could never stop writing")
        if self.context is not None and most >= self.context:
            raise InputError(
                f"student.max_tokens: explanations of {most} tokens leave no room for a question in the student's "
                f"context of {self.context}; name fewer."
            )

    @classmethod
    def load(cls, source: str | Path, *, rows: int = 64, most: int = 128, device: str = "auto") -> Self:
        """Load a Hugging Face causal LM from a directory or hub id; `tiny` is the one that ships with the package.

        Raises InputError when there is no model to load.
        """
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        where = tiny.FOLDER if str(source) == "tiny" else source
        try:
            with _quietly():
                tokenizer = AutoTokenizer.from_pretrained(where)
                # half precision would lose the small updates of training
                model, loaded = AutoModelForCausalLM.from_pretrained(
                    where, dtype=torch.float32, output_loading_info=True
                )
        except Exception as error:  # a damaged file can raise anything
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(
                f"student.model: {str(source)!r} can't be loaded as a causal language model ({reason}). "
                "Expected: `tiny`, a Hugging Face model directory, or a hub id."
            ) from error
        if absent := sorted(loaded["missing_keys"]):
            raise InputError(
                f"student.model: {str(source)!r} lacks weights: {', '.join(absent[:3])}, {len(absent)} in all"
            )
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            model = model.to(device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"student.device: {device!r} can't be used ({error})") from error
        return cls(model.eval(), tokenizer, rows=rows, most=most)

    def save(self, folder: Path) -> str:
        """Save as a Hugging Face directory, whole or not at all; returns the SHA-256 of the weights."""
        draft = folder.with_name(f".{folder.name}.draft")
        try:
            shutil.rmtree(draft, ignore_errors=True)
            with _quietly():
                self.model.save_pretrained(draft)
            self.tokenizer.save_pretrained(draft)
            for path in (*draft.rglob("*"), draft):
                _sync(path)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(draft, folder)
            _sync(folder.parent)
        except Exception as error:
            full = "os error 28" in str(error)  # safetensors' own word for a full disk
            if not (full or isinstance(error, OSError)):
                raise
            shutil.rmtree(draft, ignore_errors=True)
            raise StorageError(
                f"the student can't be saved at {folder} ({error}). Mend that and run the same command again."
            ) from error
        return weights_digest(folder)

    # -- what it writes ---------------------------------------------------------------------------------------------

    def encode(self, prompt: str, target: str) -> tuple[list[int], int]:
        """Token ids of a text to learn, and how many of them are its prompt's."""
        before = self._prompt_ids(prompt)
        return [*before, *self._ids(target), self.tokenizer.eos_token_id], len(before)

    def too_long(self, question: Question) -> str | None:
        """Why a question leaves no room in the student's context for an explanation; None when there is room."""
        tokens = len(self._prompt_ids(text.prompt(question)))
        if self.context is None or tokens + self.most <= self.context:
            return None
        return (
            f"it is too long for the student: a prompt of {tokens} tokens and an explanation of up to {self.most} "
            f"do not fit into its context of {self.context}"
        )

    def complete(self, prompts: Sequence[str]) -> list[str]:
        """The greedy continuation of each prompt."""
        return [self._text(w.tokens) for w in self._write([self._prompt_ids(p) for p in prompts], "answer")]

    def explain(self, questions: Sequence[Question]) -> list[Explanation]:
        """The greedy explanation of each question, without evidence; an empty one of a question that is too long."""
        explained = [Explanation(steps=(), answer=None)] * len(questions)
        fitting = [i for i, question in enumerate(questions) if not self.too_long(question)]
        written = self.complete([text.prompt(questions[i]) for i in fitting])
        for i, continuation in zip(fitting, written, strict=True):
            explained[i] = text.read(continuation)
        return explained

    def attempt(self, questions: Sequence[Question], needs: Needs, seed: str) -> list[Attempt]:
        """Explain each question greedily, and gather the evidence that is needed on where the explanation is shaky.

        Equal seeds give equal evidence, question by question. None of the questions may be `too_long`.
        """
        prompts = [self._prompt_ids(text.prompt(question)) for question in questions]
        greedy = self._write(prompts, "attempt")
        spans = [locate(writing, self._text, self._line_breaks) for writing in greedy]
        texts = [prompt + writing.tokens for prompt, writing in zip(prompts, greedy, strict=True)]
        jobs = [
            *((i, len(prompts[i]), f"sample/{n}") for i in range(len(questions)) for n in range(needs.samples)),
            *(
                (i, len(prompts[i]) + span.start, f"rebuild/{span.start}/{n}")
                for i in range(len(questions))
                for span in spans[i].steps
                for n in range(needs.rebuilds)
            ),
        ]
        dice = [_dice(seed, questions[i].id, purpose) for i, _, purpose in jobs]
        answers: list[list[str | None]] = [[] for _ in questions]
        branches = [(i, at) for i, at, _ in jobs]
        for (i, _), tokens in zip(branches, self._sample(texts, branches, needs.temperature, dice), strict=True):
            answers[i].append(text.read(self._text(tokens)).answer)
        removed = self._removed(prompts, greedy, spans) if needs.removed else [()] * len(questions)
        return [
            Attempt(
                question=question,
                explanation=spans[i].explanation,
                evidence=Evidence(
                    steps=tuple(span.evidence(greedy[i]) for span in spans[i].steps),
                    answer=answer.evidence(greedy[i]) if (answer := spans[i].answer) else None,
                    sampled=tuple(answers[i][: needs.samples]),
                    removed=removed[i],
                    rebuilt=_chunks(answers[i][needs.samples :], needs.rebuilds),
                ),
            )
            for i, question in enumerate(questions)
        ]

    def _sample(
        self,
        texts: Sequence[list[int]],
        branches: Sequence[tuple[int, int]],
        temperature: float,
        dice: Sequence[np.random.Generator],
    ) -> list[list[int]]:
        """Continue texts: each branch (text, tokens of it that stand before) with its own dice."""
        if not self._grows:
            prompts = [texts[i][:at] for i, at in branches]
            return [writing.tokens for writing in self._write(prompts, "sample", temperature, dice)]
        from elad.student import tree

        of_text: dict[int, list[int]] = {}
        for index, (i, _) in enumerate(branches):
            of_text.setdefault(i, []).append(index)
        order = sorted(of_text, key=lambda i: (len(of_text[i]), len(texts[i])))
        sampled: dict[int, list[int]] = {}
        for chunk in track(_filled(order, [len(of_text[i]) for i in order], _BRANCHES * self.rows), "sample"):
            chosen = [(stem, index) for stem, i in enumerate(chunk) for index in of_text[i]]
            behind = [
                tree.Branch(stem, branches[index][1], self._room(texts[chunk[stem]][: branches[index][1]]), dice[index])
                for stem, index in chosen
            ]
            stems = [texts[i] for i in chunk]
            grown = tree.grow(self.model, stems, behind, pad=self.pad, ends=self.ends, temperature=temperature)
            sampled.update(zip((index for _, index in chosen), grown, strict=True))
        return [sampled[index] for index in range(len(branches))]

    @cached_property
    def _grows(self) -> bool:
        from elad.student.tree import can_grow

        grows = can_grow(self.model)
        if not grows:
            say("  this model's cache can't hold branches: every sample is written from its own prompt, more slowly")
        return grows

    def _removed(self, prompts: list[list[int]], greedy: list[Writing], spans: list[Spans]) -> list[tuple[float, ...]]:
        """For every step, the probability of the original answer once the step is taken out."""
        jobs = [
            (i, prompts[i] + greedy[i].tokens[: step.start] + greedy[i].tokens[step.stop : found.answer.start],
             greedy[i].tokens[found.answer.start : found.answer.stop])
            for i, found in enumerate(spans)
            if found.answer
            for step in found.steps
        ]  # fmt: skip
        probabilities: list[list[float]] = [[] for _ in prompts]
        for chunk in track(_chunks(jobs, self.rows), "remove"):
            scores = loglikelihoods(self.model, [(context, target) for _, context, target in chunk], pad=self.pad)
            for (i, _, _), score in zip(chunk, scores, strict=True):
                probabilities[i].append(float(np.exp(score)))
        return [tuple(values) for values in probabilities]

    def _write(
        self,
        prompts: Sequence[list[int]],
        label: str,
        temperature: float = 0.0,
        dice: Sequence[np.random.Generator] = (),
    ) -> list[Writing]:
        """Continue all prompts, those of like length together."""
        written: dict[int, Writing] = {}
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        for chunk in track(_chunks(order, self.rows), label):
            rows = write(
                self.model, [prompts[i] for i in chunk], pad=self.pad, ends=self.ends,
                most=[self._room(prompts[i]) for i in chunk],
                temperature=temperature, dice=[dice[i] for i in chunk] if dice else (),
            )  # fmt: skip
            written.update(zip(chunk, rows, strict=True))
        return [written[i] for i in range(len(prompts))]

    # -- tokens -----------------------------------------------------------------------------------------------------

    def _room(self, prompt: Sequence[int]) -> int:
        """How many tokens may be written behind a prompt."""
        return self.most if self.context is None else min(self.most, self.context - len(prompt))

    def _prompt_ids(self, prompt: str) -> list[int]:
        return list(self.tokenizer(prompt)["input_ids"])

    def _ids(self, continuation: str) -> list[int]:
        return list(self.tokenizer(continuation, add_special_tokens=False)["input_ids"])

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def _line_breaks(self, token: int) -> int:
        """How many line breaks a token holds."""
        if token not in self._breaks:
            self._breaks[token] = self._text([token]).count("\n")
        return self._breaks[token]


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the bars and notes of transformers, which would stand between ours."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def weights_digest(folder: Path) -> str:
    """SHA-256 over the digests of a saved student's weight files, in the order of their names."""
    sha = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            sha.update(hashlib.file_digest(file, "sha256").digest())
    return sha.hexdigest()


def _sync(path: Path) -> None:
    """Have the disk keep a file, or a folder's list of files."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _dice(seed: str, question: str, purpose: str) -> np.random.Generator:
    key = hashlib.sha256(f"{seed}/{question}/{purpose}".encode()).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(key[:16], "little")))


def _filled(items: Sequence[T], sizes: Sequence[int], most: int) -> list[list[T]]:
    """The items in chunks, each as wide as its widest item, of at most `most` in all (or of one item)."""
    chunks: list[list[T]] = []
    for item, size in zip(items, sizes, strict=True):  # sizes never fall
        if not chunks or (len(chunks[-1]) + 1) * size > most:
            chunks.append([])
        chunks[-1].append(item)
    return chunks


def _chunks(items: Iterable[T], size: int) -> tuple[tuple[T, ...], ...]:
    rows = tuple(items)
    return tuple(rows[i : i + size] for i in range(0, len(rows), size)) if size else ()
