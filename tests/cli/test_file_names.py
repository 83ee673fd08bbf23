"""File names are taken as they are: spaces, letters of all kinds, brackets, dashes."""

import json
import os
from pathlib import Path

import pytest

from patchplan.plans.plan import open_plan
from tests.cli.running import TILED, npy, run

NAMES = [
    "two words.npy",
    "ünï-漢字-🧠.npy",
    "[bold]x[red].npy",
    "a[1].npy",
    "what?*.npy",
    "100%.npy",
    "{x}.npy",
    "it's.npy",
    "#1 & 2;.npy",
]


def test_names_are_found_shown_and_written_as_they_are(tmp_path):
    """One run over all: as arguments, in the summary, in the JSON, in the plan."""
    for name in NAMES:
        npy(tmp_path / name, 20, 20)
    code, out, err = run("plan", *NAMES, *TILED, "-o", "[red] ünï plan.csv", cwd=tmp_path)
    assert (code, err) == (0, "")
    for name in NAMES:
        assert name in out
    assert "wrote [red] ünï plan.csv" in out
    plan = open_plan(tmp_path / "[red] ünï plan.csv")
    assert [image.uri for image in plan.images] == NAMES
    assert all(plan.image_path(i).exists() for i in range(len(NAMES)))
    code, out, _ = run("plan", ".", *TILED, "--dry-run", "--json", cwd=tmp_path)
    assert sorted(image["uri"] for image in json.loads(out)["images"]) == sorted(NAMES)


def test_names_in_errors_are_shown_as_they_are(tmp_path):
    for name in ("[bold]no[/red].npy", "ü 漢.npy"):
        code, _, err = run("plan", name, *TILED, "--dry-run", cwd=tmp_path)
        assert code == 2
        assert f"error: {name}: " in err
    npy(tmp_path / "a.npy", 20, 20)
    code, _, err = run("plan", "a.npy", *TILED, "-o", "[bold]p[red].txt", cwd=tmp_path)
    assert (code, "error: [bold]p[red].txt: found suffix '.txt'" in err) == (2, True)
    code, _, err = run("plan", "a.npy", "-c", "[red]c[blue].yaml", "--dry-run", cwd=tmp_path)
    assert (code, "error: [red]c[blue].yaml: cannot be read" in err) == (2, True)
    code, _, err = run("plan", "a.npy", "--strategy", "[/red]", "--dry-run", cwd=tmp_path)
    assert (code, "'[/red]'" in err) == (2, True)


def test_a_leading_dash_after_two_dashes(tmp_path):
    npy(tmp_path / "-o.npy", 20, 20)
    code, out, _ = run("plan", *TILED, "-o", "./-p.csv", "--json", "--", "-o.npy", cwd=tmp_path)
    assert (code, json.loads(out)["images"][0]["uri"]) == (0, "-o.npy")
    assert open_plan(tmp_path / "-p.csv").image_path(0).exists()
    code, _, err = run("plan", "-x.npy", *TILED, "--dry-run", cwd=tmp_path)
    assert (code, "No such option" in err) == (2, True)


def test_a_folder_with_brackets_is_a_folder_and_no_pattern(tmp_path):
    (tmp_path / "[ab]").mkdir()
    (tmp_path / "a").mkdir()
    npy(tmp_path / "[ab]" / "x.npy", 20, 20)
    npy(tmp_path / "a" / "y.npy", 20, 20)
    code, out, _ = run("plan", "[ab]", *TILED, "--dry-run", "--json", cwd=tmp_path)
    assert (code, [image["uri"] for image in json.loads(out)["images"]]) == (0, ["[ab]/x.npy"])


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_name_that_is_no_unicode_is_refused_in_a_line(tmp_path):
    source = npy(tmp_path / "a.npy", 20, 20)
    try:
        source.rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.npy")))
    except OSError:
        pytest.skip("the file system takes no such names")
    for extra in (("--json",), ()):
        code, out, err = run("plan", ".", *TILED, "--dry-run", *extra, cwd=tmp_path)
        assert (code, out) == (2, "")
        assert "the file name is not valid UTF-8" in err


def test_a_terminal_that_knows_ascii_only_gets_replacements(tmp_path):
    npy(tmp_path / "ünï.npy", 20, 20)
    code, out, _ = run("plan", "ünï.npy", *TILED, "--dry-run", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert code == 0
    assert "tiled: 4 patches" in out
