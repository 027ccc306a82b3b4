"""Students of every architecture that users bring, made tiny from their configs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from elad.student import Student, tiny

SIZE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
MODELS: dict[str, Any] = {
    "Llama": transformers.LlamaConfig(**SIZE),
    "Llama, grouped queries": transformers.LlamaConfig(**SIZE, num_key_value_heads=2),
    "Qwen2": transformers.Qwen2Config(**SIZE, num_key_value_heads=2),
    "Qwen3": transformers.Qwen3Config(**SIZE, num_key_value_heads=2, head_dim=8),
    "Gemma": transformers.GemmaConfig(**SIZE, num_key_value_heads=1, head_dim=8),
    "Gemma 2, windows in every other layer": transformers.Gemma2Config(
        **SIZE, num_key_value_heads=2, head_dim=8, sliding_window=8
    ),
    "GPT-2": transformers.GPT2Config(n_embd=16, n_layer=2, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0),
    "Mistral": transformers.MistralConfig(**SIZE, num_key_value_heads=2, sliding_window=None),
    "Mistral, window": transformers.MistralConfig(**SIZE, num_key_value_heads=2, sliding_window=8),
    "Mamba": transformers.MambaConfig(hidden_size=16, num_hidden_layers=2, state_size=4),
    "T5": transformers.T5Config(d_model=16, d_ff=32, d_kv=8, num_layers=2, num_heads=2, decoder_start_token_id=0),
}


def student(name: str, most: int = 16) -> Student:
    """An untrained one of an architecture, with the shipped tokenizer."""
    tokenizer = tiny.word_and_digit_tokenizer(tiny.world_words())
    config = MODELS[name]
    config.vocab_size = len(tokenizer)
    config.pad_token_id, config.eos_token_id, config.bos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id, None
    kind = transformers.AutoModelForSeq2SeqLM if config.is_encoder_decoder else transformers.AutoModelForCausalLM
    torch.manual_seed(3)
    return Student(kind.from_config(config).eval(), tokenizer, most=most)


def chat_student(folder: Path, texts: Iterable[str]) -> Path:
    """Save a student like those that starter recipes name: a Qwen2, asked in turns, with a tokenizer of its own."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, special_tokens=marks, show_progress=False),
    )
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.chat_template = (
        "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    config = transformers.Qwen2Config(
        **SIZE, num_key_value_heads=2, vocab_size=len(tokenizer), eos_token_id=2, pad_token_id=0, bos_token_id=None
    )
    torch.manual_seed(3)
    transformers.Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
