import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser

from elad.recipe import Recipe
from elad.student import tiny
from elad.teacher import retry
from tests.browser import chromium
from tests.endpoint import KEY, SolverEndpoint
from tests.runs import small_recipe

os.environ["ELAD_ANSWERS"] = "off"  # every test buys its own


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


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[SolverEndpoint]:
    """An endpoint that is paid, with its key in the environment and no time to lose between two tries."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(retry, "_FIRST", 0.005)
    with SolverEndpoint() as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, headless; its driver has the event loop of this thread as long as it is there."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small models are quickest so, and sum in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
