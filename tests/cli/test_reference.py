"""The reference for the README: nothing of the tool is left out, and the README has that of today."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from patchplan.cli.app import app
from patchplan.cli.reference import BEGIN, reference, renewed

README = Path(__file__).parents[2] / "README.md"
COMMANDS: dict[str, Any] = vars(typer.main.get_command(app))["commands"]


def section(name: str) -> str:
    """Return what the reference says of a command."""
    found = re.findall(rf"^### `patchplan {name}`\n(.*?)(?=^### |\Z)", reference(), re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{name}: is in the reference {len(found)} times"
    return str(found[0])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_all_its_options_are_in_the_reference(name):
    text = section(name)
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "option":
            for spelling in (*parameter.opts, *parameter.secondary_opts):
                assert len(re.findall(rf"^\|.*`{spelling}[ `]", text, re.MULTILINE)) == 1, spelling
        else:
            assert (parameter.metavar or parameter.name.upper()) in text.replace(r"\|", "|")


def test_cells_of_tables_hold_no_bare_bar():
    rows = [line for line in reference().splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}


def test_the_width_of_the_terminal_does_not_matter(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    narrow = reference()
    monkeypatch.setenv("COLUMNS", "200")
    assert reference() == narrow


def test_the_readme_has_the_reference_of_today():
    text = README.read_text(encoding="utf-8")
    if BEGIN.strip() not in text:
        pytest.skip("README.md has no place for the reference yet")
    assert renewed(text) == text, "renew it: python -m patchplan.cli.reference README.md"
