"""A folder of inputs, made once; tests write elsewhere."""

from pathlib import Path

import pytest

from tests.cli.running import make_inputs


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> Path:
    """Images and configs that no test changes."""
    folder: Path = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder
