"""A student on the disk: an ordinary Hugging Face directory, or a peft adapter; whole or not there at all."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elad.errors import InputError, StorageError, reason_of
from elad.student.lora import holds_adapter, is_adapted, settings_of


def load(where: Path | str, key: str = "student.model") -> tuple[Any, Any]:
    """The tokenizer and the language model that lie in a folder or on the hub; `key`: by which a recipe names it.

    Raises InputError where there is none, or not all of its weights.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

    try:
        with quietly():
            tokenizer = AutoTokenizer.from_pretrained(where)
            seq2seq = AutoConfig.from_pretrained(where).is_encoder_decoder
            loader = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
            # half precision would lose the small updates of training
            model, about = loader.from_pretrained(where, dtype=torch.float32, output_loading_info=True)
    except Exception as error:  # a damaged file can raise anything
        raise InputError(
            f"{key}: {str(where)!r} can't be loaded as a language model ({reason_of(error)}). Expected: "
            "`tiny`, a Hugging Face model directory, or a hub id. Where there is no hub: fetch it elsewhere (`hf "
            f"download {where} --local-dir FOLDER`), and run with {key}=FOLDER."
        ) from error
    if absent := sorted(about["missing_keys"]):
        raise InputError(f"{key}: {str(where)!r} lacks weights: {', '.join(absent[:3])}, {len(absent)} in all")
    return tokenizer, model


def save(model: Any, tokenizer: Any, folder: Path) -> str:
    """Save a model and its tokenizer; returns the SHA-256 of the weights. Raises StorageError where that can't be."""
    draft = folder.with_name(f".{folder.name}.draft")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        with quietly():
            model.save_pretrained(draft, **({"save_embedding_layers": False} if is_adapted(model) else {}))
        (draft / "README.md").unlink(missing_ok=True)  # peft's card, with blanks to fill in
        tokenizer.save_pretrained(draft)
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


def weights_digest(folder: Path) -> str:
    """SHA-256 over the digests of a saved student's weight files, by name, and an adapter's settings."""
    sha = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with open(path, "rb") as file:
            sha.update(hashlib.file_digest(file, "sha256").digest())
    if holds_adapter(folder):
        sha.update(settings_of(folder).encode())
    return sha.hexdigest()


def _sync(path: Path) -> None:
    """Have the disk keep a file, or a folder's list of files."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def quietly() -> Iterator[None]:
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
