"""The reference for the README: nothing of the tool is left out, and the README has that of today."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from patchplan.cli.app import app
from patchplan.cli.reference import BEGIN, END, main, reference, renewed
from patchplan.errors import ConfigError

README = Path(__file__).parents[2] / "README.md"
PANELS = ("**Tiles**", "**Values**", "**Output image**", "**Running**")
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


def test_what_is_not_of_one_command_is_in_it_too():
    assert "`--version`" in reference()
    assert "`-h` and `--help`" in reference()
    assert "Exit codes: 0 done, 1 a check failed, 2 bad usage or input, 130 interrupted" in reference()


def test_rows_say_values_choices_and_defaults_in_the_order_of_the_panels():
    text = section("stitch")
    assert "| `-o`, `--output OUT` |" in text
    assert re.search(r"^\| `--ngff 0\.4\\\|0\.5` \| .* Default: `0\.5`\. \|$", text, re.MULTILINE)
    assert re.search(r"^\| `--seed N` \| [^`]*\|$", section("plan"), re.MULTILINE), "None is no default to tell"
    assert (places := [text.index(f"| {panel} | |") for panel in PANELS]) == sorted(places)


def test_cells_of_tables_hold_no_bare_bar():
    rows = [line for line in reference().splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}


def test_the_width_of_the_terminal_does_not_matter(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    narrow = reference()
    monkeypatch.setenv("COLUMNS", "200")
    assert reference() == narrow


def test_it_is_printed_or_put_between_the_markers_of_a_file(tmp_path, capsys):
    main([])
    assert capsys.readouterr().out == reference()
    file = tmp_path / "guide.md"
    file.write_text(f"see `{BEGIN}`\n{BEGIN}\nold\n{END}\nrest \\1 é", encoding="utf-8")
    main([str(file)])
    assert file.read_text(encoding="utf-8") == f"see `{BEGIN}`\n{BEGIN}\n\n{reference()}\n{END}\nrest \\1 é"
    first = file.read_bytes()
    main([str(file)])
    assert file.read_bytes() == first


@pytest.mark.parametrize(
    "text", ["", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n", f"a {BEGIN}\n{END}\n"]
)
def test_a_file_without_the_markers_is_refused_and_left_alone(text, tmp_path):
    file = tmp_path / "guide.md"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"guide\.md: found the markers .*; allowed: one line <!-- reference: begin"):
        main([str(file)])
    assert file.read_text(encoding="utf-8") == text


def test_the_readme_has_the_reference_of_today():
    text = README.read_text(encoding="utf-8")
    if BEGIN.strip() not in text:
        pytest.skip("README.md has no place for the reference yet")
    assert renewed(text) == text, "renew it: python -m patchplan.cli.reference README.md"
