"""`patchplan`, `--version`, `--help`, `schema`, `demo`, and the script that pip installs."""

import json
import re
import shlex
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

import jsonschema

from patchplan.plans.config import config_schema
from patchplan.plans.plan import open_plan
from tests.cli.running import TILED, TOOL, listing, run

SCRIPT = Path(sysconfig.get_path("scripts")) / "patchplan"


def test_the_installed_script_is_the_same_tool(inputs):
    for args in (
        ("--version",),
        ("plan", "a.npy", *TILED, "--dry-run", "--json"),
        ("plan", "no.tif", *TILED, "--dry-run"),
    ):
        assert run(*args, cwd=inputs, tool=[str(SCRIPT)]) == run(*args, cwd=inputs)


def test_version_and_help(tmp_path):
    assert tuple(run("--version", cwd=tmp_path)) == (0, f"patchplan {version('patchplan')}\n", "")
    code, text, err = run("--help", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert re.findall(r"^. (plan|schema|demo) +\w+", text, re.MULTILINE) == ["plan", "schema", "demo"]
    assert run("-h", cwd=tmp_path).out == text
    code, out, err = run(cwd=tmp_path)
    assert (code, (out + err).strip()) == (2, text.strip()), "without arguments: the help, and exit code 2"
    code, out, err = run("plna", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert "No such command 'plna'" in err


def test_schema_prints_the_json_schema_and_nothing_else(tmp_path):
    code, out, err = run("schema", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert json.loads(out) == config_schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(out))
    code, out, err = run("schema", "surprise", cwd=tmp_path)
    assert (code, out) == (2, "")


def test_demo_shows_commands_that_can_be_repeated_and_works_twice(tmp_path):
    code, out, err = run("demo", "my demo", cwd=tmp_path)
    assert (code, err) == (0, "")
    folder = tmp_path / "my demo"
    files = listing(folder)
    assert {"nuclei.tif", "brain.tif", "LICENSES.md"} <= files.keys()
    assert len(open_plan(folder / "tiles.csv")) > 1
    assert open_plan(folder / "train.csv").header.ndim == 3
    assert re.search(r"pixels compared, 0 differ", out)
    commands = re.findall(r"^\$ (.*)$", out, re.MULTILINE)
    assert len(commands) == 9
    shown = [line.strip() for line in out.splitlines()]
    for command in commands:
        program, *args = shlex.split(command)
        repeated = run(*args, cwd=folder, tool=TOOL if program == "patchplan" else [sys.executable])
        assert repeated.code == 0
        assert {line.strip() for line in repeated.out.splitlines()} <= set(shown)
    assert run("demo", "my demo", cwd=tmp_path).code == 0
    assert listing(folder) == files


def test_demo_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("mine")
    for folder in ("file", "file/below"):
        code, out, err = run("demo", folder, cwd=tmp_path)
        assert (code, out) == (2, "")
        assert re.match(rf"error: {folder}: cannot be written: (File exists|Not a directory)$", err)
    assert listing(tmp_path) == {"file": b"mine"}


def test_demo_does_not_overwrite_files_of_the_user(tmp_path):
    (tmp_path / "tiled.yaml").write_text("mine")
    run("demo", ".", cwd=tmp_path)
    assert (tmp_path / "tiled.yaml").read_text() == "mine"
