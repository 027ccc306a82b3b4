"""A run as a folder that others load: whole or not there at all."""

import os
import shutil
from pathlib import Path
from typing import Any

from elad.errors import InputError, RunFolderError, StorageError, reason_of
from elad.export import annotations
from elad.export.card import Written, card
from elad.folder import sound_student
from elad.ledger import Ledger
from elad.report import annotations as every_annotation
from elad.report import left_out, stored_recipe
from elad.student import Student
from elad.student.lora import holds_adapter, merged
from elad.student.weights import save


def export(ledger: Ledger, folder: Path, *, adapter: bool = False) -> dict[str, int]:
    """Write the last student, its card and the annotations into a new folder; how many rows each data set has.

    A student with low-rank updates is written with these taken into its weights, or with `adapter` as they are. Raises
    InputError when the folder is there already or there is no adapter, RunFolderError when no round has been trained.
    """
    trained = sound_student(ledger)
    if trained is None:
        raise RunFolderError(f"{ledger.folder} has no trained student yet: let it finish a round first.")
    if adapter and not holds_adapter(trained):
        raise InputError(f"{ledger.folder} trained all weights, so there is no adapter: leave --adapter out.")
    if folder.exists() or not folder.name:
        raise InputError(f"{folder} is there already; name a folder that is not.")
    recipe = stored_recipe(ledger)
    source = recipe.student.model_copy(update={"device": "cpu"})
    student = source.load(trained)
    written = Written(student.prompts.chats, adapter, student.seq2seq)
    draft = folder.with_name(f".{folder.name}.draft")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        if adapter:
            shutil.copytree(trained, draft)
        else:
            whole = merged(student.model)
            whole.generation_config = _as_the_run_wrote(student)
            save(whole, student.tokenizer, draft)
        counts = annotations.write(
            every_annotation(ledger), left_out(ledger), student.layout, draft / "annotations", chats=written.chats
        )
        (draft / "README.md").write_text(card(ledger, recipe, written), encoding="utf-8")
        os.replace(draft, folder)
    except OSError as error:
        raise StorageError(f"{folder} can't be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return counts


def _as_the_run_wrote(student: Student) -> Any:
    """Settings by which `generate` writes what the student wrote in its run, whatever those of its base were."""
    from transformers import GenerationConfig

    start = student.model.config.decoder_start_token_id if student.seq2seq else None
    return GenerationConfig(
        do_sample=False,
        max_new_tokens=student.most,
        eos_token_id=sorted(student.ends),
        pad_token_id=student.pad,
        decoder_start_token_id=start,
    )


def push(folder: Path, repo: str, *, public: bool = False) -> str:
    """Upload an exported folder as a new repository of the Hugging Face Hub; its address there.

    Raises InputError where the hub won't, or has that repository already.
    """
    from huggingface_hub import HfApi

    try:
        hub = HfApi()
        address = hub.create_repo(repo, private=not public)
        hub.upload_folder(repo_id=repo, folder_path=folder)
    except Exception as error:  # the hub's own, its HTTP library's, the system's
        private = "" if public else " --private"
        raise InputError(
            f"--push-to-hub {repo}: {reason_of(error)} The export itself is whole, at {folder}: mend that (`hf "
            f"auth login` for a token), and upload it with `hf upload {repo} {folder}{private}`."
        ) from error
    return str(address)
