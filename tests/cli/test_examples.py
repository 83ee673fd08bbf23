"""The examples with which help ends: all of them work, each in the demo's folder after those before it."""

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from patchplan.cli import demo
from patchplan.cli.app import app
from patchplan.plans.config import config_schema

WORD = "Example: "
EXAMPLES = {str(command.name): str(command.epilog) for command in app.registered_commands}


def run(example: str) -> list[Path]:
    """Run an example as a shell would, and return the files that it says it writes."""
    written = []
    for line in example.removeprefix(WORD).split(" && "):
        command, _, redirected = line.partition(" > ")
        tool, *args = shlex.split(command)
        assert tool == "patchplan"
        done = CliRunner().invoke(app, args, catch_exceptions=False)
        assert done.exit_code == 0, f"$ {line}\n{done.output}"
        if redirected:
            Path(redirected).write_text(done.stdout, encoding="utf-8")
        written += [Path(value) for option, value in pairwise(args) if option in {"-o", "--output"}]
        written += [Path(redirected)] if redirected else []
    return written


@pytest.fixture
def in_demo_folder(tmp_path, monkeypatch):
    """Stand in the folder that the demo's example makes; what the demo runs there, another test runs."""
    monkeypatch.setattr(demo, "COMMANDS", ())
    monkeypatch.chdir(tmp_path)
    run(EXAMPLES["demo"])
    monkeypatch.chdir(tmp_path / shlex.split(EXAMPLES["demo"])[-1])


@pytest.mark.usefixtures("in_demo_folder")
def test_all_examples_work_in_the_order_of_the_commands():
    for name, example in EXAMPLES.items():
        if name != "demo":
            for path in run(example):
                assert path.exists(), f"{example}: {path} was not written"
    assert json.loads(Path("patchplan.schema.json").read_text(encoding="utf-8")) == config_schema()


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_ends_with_the_example(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0
    assert EXAMPLES[name].startswith(f"{WORD}patchplan {name}"), "each command has an example of its own"
    assert re.sub(r"\s+", "", done.output).endswith(re.sub(r"\s+", "", EXAMPLES[name]))
