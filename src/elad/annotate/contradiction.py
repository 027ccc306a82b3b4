"""How much one explanation contradicts another, from 0 to 1.

As knowledge detection scores it (arXiv 2406.11275): each sentence of the reference is held against the whole of the
other explanation, and what a model of natural language inference gives to "contradiction" is averaged over them. Where
answers are short and say it all, that they differ is enough, and takes no model.
"""

import re
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Literal, NamedTuple

from pydantic import Field

from elad.answers import same_answer
from elad.errors import InputError, reason_of
from elad.records import Explanation, Question, Record
from elad.student.weights import quietly

_KEY = "annotate.contradiction.model"


class Pair(NamedTuple):
    """What is compared: how much of a reference does what else was said of the question contradict?"""

    question: Question
    reference: Explanation
    said: Explanation


class Mismatch(Record):
    """1 where the answers differ, else 0; no answer is another one."""

    kind: Literal["mismatch"] = "mismatch"

    def fits(self) -> None:
        """Nothing is needed for that."""

    def scores(self, pairs: Sequence[Pair], device: str) -> list[float]:
        """One a pair."""
        return [float(not same_answer(p.said.answer, p.reference.answer, p.question)) for p in pairs]


class Nli(Record):
    """The probability of contradiction, by a model of natural language inference.

    `model`: a Hugging Face directory or hub id of a classifier one of whose labels is called contradiction; the paper
    has one of the size of DeBERTa-v3-large. Two texts are cut to `tokens` together, or to what the model can read, the
    longer one first, and `batch` pairs of texts are read at a time.
    """

    kind: Literal["nli"] = "nli"
    model: str
    tokens: int = Field(512, gt=3)
    batch: int = Field(32, gt=0)

    def fits(self) -> None:
        """Load the model. Raises InputError where there is none, or it knows no contradiction."""
        _loaded(self.model, "cpu")

    def scores(self, pairs: Sequence[Pair], device: str) -> list[float]:
        """One a pair, the mean over the reference's sentences; of one that says nothing, 0."""
        import torch

        tokenizer, model, label = _loaded(self.model, device)
        most = min(
            self.tokens, tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", self.tokens)
        )
        claims = [sentences(pair.reference) for pair in pairs]
        texts = [
            (claim, " ".join(sentences(pair.said))) for pair, said in zip(pairs, claims, strict=True) for claim in said
        ]
        found: list[float] = []
        for start in range(0, len(texts), self.batch):
            some = texts[start : start + self.batch]
            read = tokenizer(
                [claim for claim, _ in some], [said for _, said in some],
                truncation="longest_first", max_length=most, padding=True, padding_side="right",
                return_attention_mask=True, return_tensors="pt",
            )  # fmt: skip
            with torch.inference_mode():
                found += model(**read.to(device)).logits.float().softmax(-1)[:, label].tolist()
        of_claims = iter(found)
        return [fmean([next(of_claims) for _ in said]) if said else 0.0 for said in claims]


def sentences(explanation: Explanation) -> list[str]:
    """What an explanation claims, sentence by sentence: its steps, then its answer."""
    lines = [*explanation.steps, *([explanation.answer] if explanation.answer else [])]
    return [claim for line in lines for claim in re.split(r"(?<=[.!?])\s+", line.strip()) if claim]


def _loaded(source: str, device: str) -> tuple[Any, Any, int]:
    """A tokenizer, its classifier, and the place of its label for a contradiction. Raises InputError."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        with quietly():
            tokenizer = AutoTokenizer.from_pretrained(source)
            model, about = AutoModelForSequenceClassification.from_pretrained(source, output_loading_info=True)
    except Exception as error:  # a damaged file can raise anything
        raise InputError(
            f"{_KEY}: {source!r} can't be loaded as a classifier of texts ({reason_of(error)}). Expected the "
            "directory or hub id of a model of natural language inference."
        ) from error
    if absent := sorted(about["missing_keys"]):
        raise InputError(f"{_KEY}: {source!r} lacks weights ({', '.join(absent[:3])}): it was not trained to classify")
    if tokenizer.pad_token is None:
        raise InputError(f"{_KEY}: {source!r} has no padding token, so it can't read several texts at once")
    labels = {str(name).lower(): int(place) for place, name in model.config.id2label.items()}
    if "contradiction" not in labels:
        raise InputError(
            f"{_KEY}: {source!r} has no label called contradiction (it has {', '.join(sorted(labels))}). Expected a "
            "model of natural language inference."
        )
    return tokenizer, model.to(device).eval(), labels["contradiction"]
