"""A run as a folder that others load: whole or not there at all."""

import json
import os
import shutil
from pathlib import Path

from elad.errors import InputError, RunFolderError, StorageError
from elad.export import annotations
from elad.export.card import card
from elad.ledger import Ledger
from elad.loop import sound_student
from elad.recipe import Recipe
from elad.report import annotations as bought
from elad.report import stored_recipe
from elad.student.lora import holds_adapter, merged
from elad.student.weights import save


def export(ledger: Ledger, folder: Path, *, adapter: bool = False) -> dict[str, int]:
    """Write the last student, its card and the annotations into a new folder; how many rows each data set has.

    A student with low-rank updates is written with these taken into its weights, or with `adapter` as they are. Raises
    InputError when the folder is there already or there is no adapter, RunFolderError when no round has been trained.
    """
    student = sound_student(ledger)
    if student is None:
        raise RunFolderError(f"{ledger.folder} has no trained student yet: let it finish a round first.")
    if adapter and not holds_adapter(student):
        raise InputError(f"{ledger.folder} trained all weights, so there is no adapter: leave --adapter out.")
    recipe = stored_recipe(ledger)
    draft = folder.with_name(f".{folder.name}.draft")
    try:
        if folder.exists():
            raise InputError(f"{folder} is there already; name a folder that is not.")
        shutil.rmtree(draft, ignore_errors=True)
        if holds_adapter(student) and not adapter:
            loaded = recipe.student.load(student)
            save(merged(loaded.model), loaded.tokenizer, draft)
        else:
            shutil.copytree(student, draft)
        if not adapter:
            _say_how_to_write(draft, recipe)
        chats = bool(json.loads(ledger.fact("made with") or "{}").get("chat template"))
        counts = annotations.write(bought(ledger), recipe.student.layout, draft / "annotations", chats=chats)
        (draft / "README.md").write_text(card(ledger, recipe, chats=chats, adapter=adapter), encoding="utf-8")
        os.replace(draft, folder)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise StorageError(f"{folder} can't be written: {error.strerror or error}.") from error
    return counts


def _say_how_to_write(folder: Path, recipe: Recipe) -> None:
    """Let `generate` do what the student did in its run: write greedily, up to so many tokens."""
    from transformers import GenerationConfig

    config = GenerationConfig.from_pretrained(folder)
    config.update(do_sample=False, temperature=None, top_p=None, top_k=None, max_new_tokens=recipe.student.max_tokens)
    config.save_pretrained(folder)


def push(folder: Path, repo: str, *, public: bool = False) -> str:
    """Upload an exported folder to the Hugging Face Hub; its address there. Raises InputError where the hub won't."""
    from huggingface_hub import HfApi

    try:
        hub = HfApi()
        address = hub.create_repo(repo, private=not public, exist_ok=True)
        hub.upload_folder(repo_id=repo, folder_path=folder)
    except Exception as error:  # the hub's own, its HTTP library's, the system's
        raise InputError(
            f"--push-to-hub {repo}: {str(error).splitlines()[0]} The export itself is whole, at {folder}: mend that "
            f"(`hf auth login` for a token), and upload it with `hf upload {repo} {folder}`."
        ) from error
    return str(address)
