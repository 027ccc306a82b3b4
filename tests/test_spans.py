"""Steps are found again in the tokens that were written, whatever the tokenizer."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from elad.layout import PLAIN
from elad.student.spans import locate

TEXTS = [
    "Mia has 12 coins.\n12 + 5 = 17.\nAnswer: 17\n",
    "\n\nÉmile paie 3,50 €.\r\nSo  the   rest is 1/2\nAnswer: ½",
    "Answer: no\nAnswer: yes",
    "日本語の手順。\n次の手順。\nAnswer: はい\n",
    "a\tb\n \nAnswer: x_1 = {2}",
] * 4


def byte_level(size: int, *, words: bool) -> Tokenizer:
    """Without words its tokens run over line ends: `.\\nAnswer` may be one."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=words)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    return made


def unigram() -> Tokenizer:
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    made.decoder = decoders.Metaspace()
    made.train_from_iterator(
        TEXTS, trainers.UnigramTrainer(vocab_size=300, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False)
    )
    return made


def word_piece() -> Tokenizer:
    made = Tokenizer(models.WordPiece(unk_token="<unk>"))
    made.normalizer = normalizers.Replace("\n", " ⏎ ")
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.decoder = decoders.Sequence(
        [decoders.WordPiece(cleanup=False), decoders.Fuse(), decoders.Replace(" ⏎ ", "\n")]
    )
    made.train_from_iterator(
        TEXTS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=["<unk>", "⏎"], show_progress=False)
    )
    return made


TOKENIZERS = {
    "byte-level BPE": byte_level(400, words=True),
    "byte-level BPE over line ends": byte_level(500, words=False),
    "Unigram": unigram(),
    "WordPiece": word_piece(),
}
LINES = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(["12 + 5 = 17.", "Answer: 17", "Answer:", "  Answer: é ", "", " ", "Mia has 3,50 €."]),
    ),
    max_size=6,
).map("\n".join)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(written=st.one_of(LINES, LINES.map(lambda text: f"{text}\n")))
@settings(max_examples=150, deadline=None)
def test_steps_and_answer_are_those_of_the_text_and_stand_where_they_are_found(name: str, written: str) -> None:
    tokenizer = TOKENIZERS[name]
    ids = tokenizer.encode(written).ids

    def decode(tokens: Sequence[int]) -> str:
        return str(tokenizer.decode(list(tokens)))

    found = locate(ids, decode, lambda token: decode([token]).count("\n"))
    said = decode(ids)
    assert found.explanation == PLAIN.read(said)
    assert len(found.steps) == len(found.explanation.steps)
    reached = 0
    for step, span in zip(found.explanation.steps, found.steps, strict=True):
        assert reached <= span.start < span.stop <= len(ids)
        assert step in decode(ids[: span.stop])
        assert step not in decode(ids[: span.start])[-len(step) :] or span.start == reached
        reached = span.start
    assert (found.answer is not None) == (found.explanation.answer is not None)
    if found.answer and found.explanation.answer:
        assert found.explanation.answer in decode(ids[: found.answer.stop])
        assert 0 <= found.answer.start < found.answer.stop <= len(ids)
