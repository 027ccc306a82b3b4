"""What grows in one sequence is what would have been written from prompts of their own."""

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from elad.records import Needs
from elad.student import Student, tiny
from elad.student.decode import write
from elad.student.tree import Branch, can_grow, grow
from elad.worlds import Arithmetic

SIZE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
MODELS: dict[str, Any] = {
    "Llama": transformers.LlamaConfig(**SIZE),
    "Llama, grouped queries": transformers.LlamaConfig(**SIZE, num_key_value_heads=2),
    "Qwen2": transformers.Qwen2Config(**SIZE, num_key_value_heads=2),
    "Qwen3": transformers.Qwen3Config(**SIZE, num_key_value_heads=2, head_dim=8),
    "Gemma": transformers.GemmaConfig(**SIZE, num_key_value_heads=1, head_dim=8),
    "GPT-2": transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2),
    "Mistral, no window": transformers.MistralConfig(**SIZE, num_key_value_heads=2, sliding_window=None),
    "Mistral, window": transformers.MistralConfig(**SIZE, num_key_value_heads=2, sliding_window=8),
}
GROWS = {name: name != "Mistral, window" for name in MODELS}


def student(name: str) -> Student:
    """An untrained one of an architecture, with the shipped tokenizer."""
    tokenizer = tiny.word_and_digit_tokenizer(tiny.world_words())
    config = MODELS[name]
    config.vocab_size = len(tokenizer)
    config.pad_token_id, config.eos_token_id, config.bos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id, None
    torch.manual_seed(3)
    return Student(transformers.AutoModelForCausalLM.from_config(config).eval(), tokenizer, most=12)


def dice(number: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=number))


@pytest.fixture(scope="module")
def shipped() -> Student:
    return Student.load("tiny", most=40)


def test_branches_are_written_as_from_prompts_of_their_own(shipped: Student) -> None:
    """Ragged stems, prefixes of every length, branches that end at once and branches that are cut off."""
    rng = np.random.default_rng(5)
    texts = [
        shipped.encode(f"Question: {q.text}\nSteps:\n", "\n".join(q.steps))[0]
        for q in Arithmetic(count=9, seed=4).questions()
    ]
    places = [(stem, int(at)) for stem, ids in enumerate(texts) for at in rng.integers(2, len(ids), 3 + stem)]
    most = [int(length) for length in rng.integers(1, 40, len(places))]
    branches = [Branch(stem, at, most[n], dice(n)) for n, (stem, at) in enumerate(places)]
    grown = grow(shipped.model, texts, branches, pad=shipped.pad, ends=shipped.ends, temperature=1.0)
    alone = write(
        shipped.model, [texts[stem][:at] for stem, at in places], pad=shipped.pad, ends=shipped.ends, most=most,
        temperature=1.0, dice=[dice(n) for n in range(len(places))],
    )  # fmt: skip
    assert grown == [writing.tokens for writing in alone]
    assert len({len(tokens) for tokens in grown}) > 5


@pytest.mark.parametrize("name", MODELS)
def test_every_architecture_gives_the_same_evidence_with_branches_and_without(name: str) -> None:
    questions = list(Arithmetic(size="small", count=5, seed=8).questions())
    needs = Needs(samples=2, rebuilds=1, removed=True)
    growing, plain = student(name), student(name)
    assert can_grow(growing.model) == GROWS[name]
    plain.__dict__["_grows"] = False
    tokens = []
    for one in (growing, plain):
        texts = [one._prompt_ids(f"Question: {q.text}\nSteps:\n") for q in questions]
        branches = [(i, len(ids) - back) for i, ids in enumerate(texts) for back in (0, 3)]
        tokens.append(one._sample(texts, branches, 1.0, [dice(n) for n in range(len(branches))]))
    assert tokens[0] == tokens[1]
    assert any(tokens[0])
    assert growing.attempt(questions, needs, "s") == plain.attempt(questions, needs, "s")


def test_batches_are_as_wide_as_their_widest_text() -> None:
    from elad.student.student import _filled

    assert _filled("abcde", [1, 1, 2, 3, 9], 4) == [["a", "b"], ["c"], ["d"], ["e"]]
