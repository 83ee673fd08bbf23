"""The first five minutes, from an empty virtual environment, as `first_minutes.txt` tells them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRANSCRIPT = Path(__file__).with_name("first_minutes.txt")
COPIED = ("patchplan", "pyproject.toml", "README.md", "LICENSE")


def steps() -> Iterator[tuple[str, list[str]]]:
    """Yield commands and the lines of their answers."""
    for part in re.split(r"^\$ ", TRANSCRIPT.read_text(), flags=re.MULTILINE)[1:]:
        command, *answer = part.partition("\n\n")[0].strip().splitlines()
        yield command, answer


def check(said: str, answer: list[str]) -> None:
    """Find all lines of an answer in their order."""
    at, flat = 0, " ".join(said.split())
    for line in answer:
        wanted = ".*?".join(re.escape(" ".join(piece.split())) for piece in line.split("..."))
        found = re.compile(wanted).search(flat, at)
        assert found, f"{line!r} is not in:\n{said}"
        at = found.end()


@pytest.mark.skipif(shutil.which("bash") is None, reason="the commands are for a shell")
def test_the_first_five_minutes(tmp_path):
    project = tmp_path / "patchplan"
    project.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, project / name)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    for command, answer in steps():
        fails = any(line.startswith("!") for line in answer)
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=tmp_path,
            env={**variables, "PATH": path, "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said = f"{done.stdout}{done.stderr}"
        if "pip install" in command and done.returncode and "onnection" in said:
            pytest.skip("there is no network to install packages from")
        assert (done.returncode != 0) == fails, f"$ {command}\n{said}"
        assert "Traceback" not in said
        check(said, [line.removeprefix("!") for line in answer])
