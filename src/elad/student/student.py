"""The student: a language model that explains questions, shows its doubt, and learns."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from elad.errors import InputError
from elad.layout import Layout
from elad.machine import best_device
from elad.progress import heed, say, track
from elad.records import Annotation, Attempt, Explanation, Likelihood, Needs, Question
from elad.student import tiny
from elad.student.lora import Lora, adapted, holds_adapter, is_adapted, merged, with_adapter
from elad.student.prompts import Prompts
from elad.student.weights import load, save, weights_digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from elad.student.decode import Continuation
    from elad.student.likelihood import Reading
    from elad.student.served import Server
    from elad.student.slots import Slots
    from elad.student.source import Served


class Example(NamedTuple):
    """One text to learn: loss is taken on `target` alone. `domain`: its question's."""

    prompt: str
    target: str
    domain: str | None = None


class Student:
    """A model with its tokenizer.

    `rows` texts are written at a time (None: as many as fit into half of the memory). An explanation has at most
    `most` tokens, and with its prompt at most `context` (None where the model sets no limit). Raises InputError when
    that leaves no room for a prompt, or nothing ends a text. Where it is `served`, a server writes in its place, from
    the `weights`: a folder or hub id, None for those that lie nowhere yet. `base`: what it was before any training.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        rows: int | None = None,
        most: int = 128,
        layout: Layout | None = None,
        served: "Served | None" = None,
        weights: Path | str | None = None,
        base: Path | str | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.rows = rows
        self.most = most
        self.layout = layout or Layout()
        self.prompts = Prompts(tokenizer, self.layout)
        self.served = served
        self.weights: Path | str | None = weights
        self.base = base
        self._server: Server | None = None
        self._slots: Slots | None = None
        named = model.generation_config.eos_token_id
        named = named if isinstance(named, list) else [named]
        self.ends = frozenset(id for id in (*named, tokenizer.eos_token_id) if id is not None)
        self.seq2seq: bool = model.config.is_encoder_decoder
        self.context: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._breaks: dict[int, int] = {}
        if served and self.seq2seq:
            raise InputError("student.served: an encoder-decoder can't be served; leave `served` out")
        if not self.ends:
            raise InputError("student.model: its tokenizer has no end-of-text token, so it could never stop writing")
        end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
        self.end: int = min(self.ends) if end is None else end
        self.pad: int = self.end if pad is None else pad
        if self.context is not None and most >= self.context:
            raise InputError(
                f"student.max_tokens: explanations of {most} tokens leave no room for a question in the student's "
                f"context of {self.context}; name fewer."
            )

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        rows: int | None = None,
        most: int = 128,
        device: str = "auto",
        layout: Layout | None = None,
        served: "Served | None" = None,
        trained: Path | None = None,
        key: str = "student.model",
    ) -> Self:
        """Load a Hugging Face language model from a directory or hub id; `tiny` is the one that ships with the package.

        `trained`: a folder where it was saved since, whole or as an adapter. `key`: by which a recipe names the model.
        Raises InputError when there is no model to load.
        """
        base = tiny.FOLDER if str(source) == "tiny" else source
        adapter = trained if trained and holds_adapter(trained) else None
        where = base if adapter or trained is None else trained
        tokenizer, model = load(where, key)
        if adapter:
            model = with_adapter(model, adapter)
        if device == "auto":
            device = best_device()
        try:
            model = model.to(device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"student.device: {device!r} can't be used ({error})") from error
        weights = None if adapter else where
        return cls(
            model.eval(), tokenizer, rows=rows, most=most, layout=layout, served=served, weights=weights, base=base
        )

    def restart(self) -> None:
        """Take the weights that it had before any training. Raises InputError where these lie nowhere."""
        if self.base is None:
            raise InputError("train.start: the student's first weights are not known, so it can't start from them")
        self.changing()
        if is_adapted(self.model):
            self.model = self.model.unload()
            return
        _, model = load(self.base)
        self.model = model.to(self.model.device).eval()

    @property
    def base_digest(self) -> str | None:
        """SHA-256 of the weights that it had before any training; None where these lie in no folder."""
        folder = Path(self.base) if self.base is not None else None
        return weights_digest(folder) if folder and folder.is_dir() else None

    def copy(self) -> "Student":
        """A student with the same weights, to be changed in its place; it writes by itself, whoever serves this one."""
        model = deepcopy(self.model)
        return Student(model, self.tokenizer, rows=self.rows, most=self.most, layout=self.layout, base=self.base)

    def adapt(self, lora: Lora, key: str = "train") -> None:
        """Put low-rank updates beside the weights, which stay as they are from now on."""
        if not is_adapted(self.model):
            self.model = adapted(self.model, lora, key)

    def save(self, folder: Path) -> str:
        """Save as a Hugging Face directory or an adapter, whole or not at all; returns the SHA-256 of the weights."""
        written = save(self.model, self.tokenizer, folder)
        self.weights = None if is_adapted(self.model) else folder
        return written

    def changing(self) -> None:
        """To be told before the weights are changed: whoever serves them stops, and memory is left to training."""
        self.weights = self._slots = None
        if self._server:
            self._server.stop()
            self._server = None

    # -- what it writes ---------------------------------------------------------------------------------------------

    def example(self, question: Question, explanation: Explanation) -> Example:
        """A question and an explanation as a text to learn."""
        return Example(self.prompts.of(question), self.layout.written(explanation), question.domain)

    def examples(self, annotation: Annotation) -> list[Example]:
        """An annotation as texts to learn."""
        return [self.example(annotation.question, said) for said in annotation.learnt]

    def encode(self, prompt: str, target: str) -> tuple[list[int], int]:
        """Token ids of a text to learn, and how many of them are its prompt's."""
        before = self.prompts.ids(prompt)
        return [*before, *self.ids(target), self.end], len(before)

    def too_long(self, question: Question) -> str | None:
        """Why a question leaves no room in the student's context for an explanation; None when there is room."""
        source, opening = self.opening(self.prompts.of(question))
        tokens = max(len(source), len(opening))
        if self.context is None or max(len(source), len(opening) + self.most) <= self.context:
            return None
        return (
            f"it is too long for the student: a prompt of {tokens} tokens and an explanation of up to {self.most} "
            f"do not fit into its context of {self.context}"
        )

    def complete(self, prompts: Sequence[str], label: str = "write") -> list[str]:
        """The greedy continuation of each prompt; `label` is what this work is called."""
        from elad.student.decode import Continuation

        openings = map(self.opening, prompts)
        begun = [Continuation(opening, self.room(opening), source) for source, opening in openings]
        for _ in track(self.write(begun), label, len(begun)):
            pass
        return [self.text_of(continuation.tokens) for continuation in begun]

    def explain(self, questions: Sequence[Question], label: str = "explain") -> list[Explanation]:
        """The greedy explanation of each question, without evidence; an empty one of a question that is too long."""
        explained = [Explanation(steps=(), answer=None)] * len(questions)
        fitting = [i for i, question in enumerate(questions) if not self.too_long(question)]
        written = self.complete([self.prompts.of(questions[i]) for i in fitting], label)
        for i, continuation in zip(fitting, written, strict=True):
            explained[i] = self.layout.read(continuation)
        return explained

    def sample(
        self, questions: Sequence[Question], count: int, temperature: float, seed: str, label: str = "sample"
    ) -> list[list[Explanation]]:
        """So many sampled explanations of each question, none of one that is too long; equal seeds give equal ones."""
        from elad.student.decode import Continuation
        from elad.student.dice import rolls

        begun: list[list[Continuation]] = []
        for question in questions:
            source, opening = self.opening(self.prompts.of(question))
            most = 0 if self.too_long(question) else self.room(opening)
            dice = rolls(f"{seed}/{question.id}/sample", count, most) if most else ()
            begun.append([Continuation(opening, most, source, rolls=each.data) for each in dice])
        every = [continuation for each in begun for continuation in each]
        for _ in track(self.write(every, temperature), label, len(every)):
            pass
        return [[self.layout.read(self.text_of(written.tokens)) for written in each] for each in begun]

    def attempt(
        self, questions: Sequence[Question], needs: Needs, seed: str, tick: Callable[[], None] = heed
    ) -> list[Attempt]:
        """Explain each question greedily, and gather the evidence that is needed on where the explanation is shaky.

        Equal seeds give equal evidence, question by question. None of the questions may be `too_long`. `tick` is called
        as each is done.
        """
        from elad.student.evidence import gather

        if self.served and needs.embedding:
            raise InputError("student.served: a server tells no hidden states, which `select` wants to read")
        return gather(self, questions, needs, seed, tick)

    def write(self, continuations: "Sequence[Continuation]", temperature: float = 1.0) -> "Iterator[Continuation]":
        """Each continuation, and each that joins it, as it ends."""
        if self.served:
            yield from self._serving(self.served).write(continuations, self.ends, temperature)
            return
        from elad.student.decode import Writer
        from elad.student.memory import rows_that_fit
        from elad.student.plain import PlainWriter

        # what joins a text begins within it, and may become as long again
        longest = max((len(c.source) + len(c.prompt) + 2 * c.most for c in continuations), default=1)
        rows = self.rows or rows_that_fit(self.model, longest)
        if not any(continuation.joined for continuation in continuations):
            rows = max(1, min(rows, len(continuations)))
        writer: Writer | PlainWriter
        if self._forks:
            writer = Writer(self._taken_slots(rows, longest), count=rows, ends=self.ends, temperature=temperature)
        else:
            writer = PlainWriter(self.model, count=rows, pad=self.pad, ends=self.ends, temperature=temperature)
        try:
            yield from writer.write(continuations)
        finally:
            if isinstance(writer, Writer):
                self._slots = writer.slots
            if writer.count < rows:
                self.rows = writer.count

    def _taken_slots(self, rows: int, longest: int) -> "Slots":
        """Those of an earlier writer, where they are enough; the student holds them no more."""
        from elad.student.slots import Slots

        slots, self._slots = self._slots, None
        if slots is None or slots.count < rows or slots.longest < longest:
            return Slots(self.model, rows, longest, self.pad)
        return slots

    def _serving(self, served: "Served") -> "Server":
        from elad.student.served import Server

        if self._server is None:
            scratch = None
            if self.weights is None:
                scratch = tempfile.TemporaryDirectory(prefix="elad-")
                whole = merged(deepcopy(self.model)) if is_adapted(self.model) else self.model
                self.weights = Path(scratch.name) / "student"
                save(whole, self.tokenizer, self.weights)
            self._server = Server(served, self.weights or "", scratch)
        return self._server

    @cached_property
    def _forks(self) -> bool:
        from elad.student.slots import can_fork

        forks = can_fork(self.model)
        if not forks:
            say("  this model's cache can't be forked: every sample is written from its own prompt, more slowly")
        return forks

    def likelihoods(self, pairs: Sequence[tuple[Question, Explanation]]) -> list[Likelihood]:
        """How likely given explanations are, with their questions and without: as much of them as fits behind both."""
        from elad.student.evidence import likelihoods

        return likelihoods(self, pairs)

    def embed(self, questions: Sequence[Question]) -> "NDArray[np.float32]":
        """Where questions lie: the mean of the last hidden states over each prompt (questions, the model's width)."""
        from elad.student.embedding import embeddings

        return embeddings(self.model, [self.prompts.ids(self.prompts.of(q)) for q in questions], pad=self.pad)

    def loglikelihoods(self, readings: "Sequence[Reading]") -> list[float]:
        """The log-probability of each target behind its context, in nats."""
        if self.served:
            return self._serving(self.served).loglikelihoods(readings)
        from elad.student.likelihood import loglikelihoods

        return loglikelihoods(self.model, readings, pad=self.pad)

    # -- tokens -----------------------------------------------------------------------------------------------------

    def room(self, prompt: Sequence[int]) -> int:
        """How many tokens may be written behind a prompt."""
        return self.most if self.context is None else min(self.most, self.context - len(prompt))

    def opening(self, prompt: str) -> tuple[list[int], list[int]]:
        """What the model's encoder reads, nothing where it has none, and what the text to write stands behind.

        Where a prompt is empty, that is the end of another text: the first token too must stand behind something.
        """
        ids = self.prompts.ids(prompt) or [self.end]
        return (ids, [self.model.config.decoder_start_token_id]) if self.seq2seq else ([], ids)

    def ids(self, continuation: str) -> list[int]:
        """The tokens of a text that begins behind another."""
        return list(self.tokenizer(continuation, add_special_tokens=False)["input_ids"])

    def text_of(self, tokens: Sequence[int]) -> str:
        """What tokens say."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def line_breaks(self, token: int) -> int:
        """How many line breaks a token holds."""
        if token not in self._breaks:
            self._breaks[token] = self.text_of([token]).count("\n")
        return self._breaks[token]
