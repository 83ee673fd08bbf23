"""Inputs, and what undisturbed runs make of them, made once."""

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.faults.cases import CASES, fast_disk, make_inputs
from tests.faults.stopping import finish
from tests.plans.making import files_of

Files = dict[str, bytes]


@pytest.fixture(scope="session")
def new_place() -> Iterator[Callable[[], Path]]:
    """Return what makes empty folders on a fast disk."""
    with tempfile.TemporaryDirectory(dir=fast_disk()) as folder:
        yield lambda: Path(tempfile.mkdtemp(dir=folder))


@pytest.fixture
def place() -> Iterator[Path]:
    """Return an empty folder on a fast disk."""
    with tempfile.TemporaryDirectory(dir=fast_disk()) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def made(new_place) -> Path:
    """Plans and tiles that no test changes."""
    return make_inputs(new_place())


@pytest.fixture(scope="session")
def undisturbed(made, new_place) -> Callable[[str], Files]:
    """Return all files that a case leaves in an empty folder."""

    @cache
    def files(name: str) -> Files:
        folder: Path = new_place()
        finish(CASES[name].command(made), folder)
        return files_of(folder)

    return files
