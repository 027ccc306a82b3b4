from pathlib import Path

import pytest

from elad.recipe import Recipe
from elad.student import tiny
from tests.runs import small_recipe


@pytest.fixture(scope="session")
def minimal_student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained student of a few thousand parameters, saved as a Hugging Face directory."""
    folder = tmp_path_factory.mktemp("student")
    model, tokenizer = tiny.blank(width=16, layers=1, heads=2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def recipe(minimal_student: Path) -> Recipe:
    """A recipe whose run of three rounds takes a second."""
    return small_recipe(minimal_student)
