"""The student that ships with the package: a Llama of about a million parameters that reads words and digits.

Its tokenizer knows the words of the built-in worlds as one token each and spells everything else, so any text can be
read. `blank` makes an untrained one of any size; the weights in `weights/tiny` are made by `make tiny`.
"""

import re
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from elad.worlds import deduction, operations

FOLDER = Path(__file__).parent / "weights" / "tiny"
"""Where the shipped student lies: an ordinary Hugging Face directory."""

_PAD, _UNK, _END = "<pad>", "<unk>", "<end>"
_BREAK = "⏎"  # a line break, as a token of its own
_TIGHT = ".,:;?!%)"  # marks that English sets without a space before them


def blank(
    *, width: int = 128, layers: int = 4, heads: int = 4, seed: int = 0, words: Iterable[str] = ()
) -> tuple[Any, Any]:
    """An untrained student: (model, tokenizer), to which `words` are whole too. The weights follow from the seed."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = word_and_digit_tokenizer([*world_words(), *words])
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval(), tokenizer


def world_words() -> list[str]:
    """Every word that the built-in worlds can say, and those that frame a prompt."""
    sentences = [wording for operation in operations.OPERATIONS for wording in operation.wordings]
    sentences += [*operations.NAMES, *operations.ITEMS, *deduction.VOCABULARY]
    sentences += ["Question Steps Answer How many does have has is are a an not the them True False true false or"]
    return sorted({word for sentence in sentences for word in re.findall(r"[A-Za-z]+", sentence)})


def word_and_digit_tokenizer(words: Iterable[str]) -> Any:
    """A tokenizer that keeps these words whole, numbers as digits, and spells out all other words in characters."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    characters = string.ascii_letters + string.digits
    pieces = [_PAD, _UNK, _END, _BREAK, *string.punctuation, *characters, *(f"##{c}" for c in characters)]
    pieces += [word for word in words if word not in set(pieces)]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token=_UNK))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.Replace("\n", f" {_BREAK} ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Digits(),
            pre_tokenizers.Split(Regex(rf"[{re.escape(string.punctuation)}{_BREAK}]"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.WordPiece(prefix="##", cleanup=False),
            decoders.Fuse(),
            decoders.Replace(Regex(f" ?{_BREAK} ?"), "\n"),
            *(decoders.Replace(f" {mark}", mark) for mark in _TIGHT),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=_END,
        pad_token=_PAD,
        unk_token=_UNK,
        clean_up_tokenization_spaces=False,
        padding_side="left",
    )
