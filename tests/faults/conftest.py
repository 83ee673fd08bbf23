"""Inputs, and what undisturbed runs make of them, made once.

Each of these tests runs the real command many times. Of the cases of one test every fifth is run, all of them with
PATCHPLAN_FAULTS=all; hundreds of kills are for `python -m tests.faults.killing`.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.faults.cases import CASES, fast_disk, make_inputs
from tests.faults.stopping import finish
from tests.plans.making import files_of

Files = dict[str, bytes]


EVERY = 5


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out most cases of the tests in this folder, unless all are asked for."""
    if os.environ.get("PATCHPLAN_FAULTS") == "all":
        return
    seen: Counter[str] = Counter()
    left: list[pytest.Item] = []
    for item in items:
        name = item.nodeid.partition("[")[0]
        if Path(__file__).parent not in item.path.parents or "test_kills" in name:
            continue
        if seen[name] % EVERY:
            left.append(item)
        seen[name] += 1
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in set(left)]


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
