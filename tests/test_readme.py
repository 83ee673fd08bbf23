"""Every block of the README runs, in its order, in one folder; its links lead somewhere."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import patchplan
from tests.s3 import serving

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
EXTRAS = {name: find_spec(name) is not None for name in ("torch", "careamics")}
SETUP = [code for language, code in BLOCKS if language == "sh" and "-m venv" in code]


STUBS = {
    # a queue that runs jobs at once, all of an array, and says as the real one which job it was
    "sbatch": r"""#!/bin/bash -e
while [ $# -gt 0 ]; do
    case $1 in
        --wrap) bash -euc "$2" >&2 ;;
        *.sh) for SLURM_ARRAY_TASK_ID in $(seq $(sed -nE 's/^#SBATCH --array=([0-9]+)-([0-9]+) .*/\1 \2/p' "$1")); do
            export SLURM_ARRAY_TASK_ID; bash -eu "$1" >&2 || exit 1
        done; echo 4711 ;;
    esac
    shift
done
""",
    "parallel": r"""#!/bin/bash
command=("$@")
for i in "${!command[@]}"; do [ "${command[$i]}" = ::: ] && break; done
for value in "${command[@]:i+1}"; do
    each=(); for word in "${command[@]:0:i}"; do each+=("${word//\{\}/$value}"); done
    "${each[@]}" & running+=($!)
done
for one in "${running[@]}"; do wait "$one" || exit 1; done
""",
}
"""What few machines have, so that the README's lines for it run."""


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bin")
    for name, script in STUBS.items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, str]]:
    """The variables of a server of S3 with a bucket."""
    with serving() as settings:
        yield settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the set-up command leaves it: with the demo's images."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(Path(patchplan.__file__).parent / "demo", folder / "patchplan-demo")
    return folder


def test_ci_runs_the_two_blocks_that_set_up_an_environment():
    ci = (ROOT / ".ci" / "run").read_text()
    patterns = re.findall(r"grep -m1 '(.*?)' README.md", ci)
    assert len(SETUP) == len(patterns) == 2
    for block, pattern in zip(SETUP, patterns, strict=True):
        assert pattern in block
        assert block.count("\n") == 1


@pytest.mark.skipif(shutil.which("bash") is None, reason="the README's commands are for a shell")
def test_all_other_blocks_run_in_order(folder, stubs, bucket):
    path = os.pathsep.join([str(Path(sys.executable).parent), str(stubs), os.environ["PATH"]])
    for language, code in BLOCKS:
        if code in SETUP:
            continue
        if language == "yaml":
            assert yaml.safe_load(code)
            (folder / code.splitlines()[0].removeprefix("# ")).write_text(code)
            continue
        if language == "python" and any(name in code and not found for name, found in EXTRAS.items()):
            continue
        command = {"sh": ["bash", "-euc", code], "python": [sys.executable, "-c", code]}[language]
        run = subprocess.run(
            command, cwd=folder, env={**os.environ, **bucket, "PATH": path}, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, f"{code}\n{run.stderr}"


def test_every_public_name_has_a_docstring():
    for name in patchplan.__all__:
        assert getattr(patchplan, name).__doc__, name


def test_links_lead_somewhere():
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    for target in re.findall(r"\]\((?!http)(.*?)\)", README):
        assert target in anchors or (ROOT / target).exists(), target
