"""`patchplan inspect --png --html` as users run it."""

import pytest

from tests.cli.running import TILED, npy, run


@pytest.fixture
def folder(tmp_path):
    npy(tmp_path / "a.npy", 100, 80)
    assert run("plan", "a.npy", *TILED, "-o", "tiles.csv", cwd=tmp_path).code == 0
    return tmp_path


def test_pictures_are_written_also_where_a_requirement_fails(folder):
    run("plan", "a.npy", "--strategy", "random", "--patch-size", "16", "--seed", "1", "-o", "r.csv", cwd=folder)
    wanted = ("--png", "a.png", "--png-value", "max", "--html", "a.html")
    code, out, err = run("inspect", "r.csv", *wanted, "--require-full-coverage", "--quiet", cwd=folder)
    assert (code, out) == (1, "")
    assert err.startswith("failed: coverage")
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "a.html").read_text().startswith("<!doctype html>")


def test_files_that_exist_are_replaced_only_when_asked(folder):
    (folder / "a.html").write_text("old")
    code, out, err = run("inspect", "tiles.csv", "--html", "a.html", cwd=folder)
    assert (code, out) == (2, "")
    assert err == "error: a.html: exists already; use --overwrite to replace it, or another name\n"
    assert run("inspect", "tiles.csv", "--html", "a.html", "--overwrite", cwd=folder).code == 0
    assert (folder / "a.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--png-value", "min"), "--png-value: allowed with --png only"),
        (("--png", "a.jpg"), "--png: found a.jpg; allowed: a name that ends in .png"),
        (("--html", "no/a.html"), "no/a.html: the folder no does not exist"),
        (("--html", "/proc/a.html"), "/proc/a.html: cannot be written"),
    ],
)
def test_what_makes_no_sense_is_refused(folder, options, message):
    code, out, err = run("inspect", "tiles.csv", *options, cwd=folder)
    assert (code, out) == (2, "")
    assert message in err


def test_images_have_no_pictures(folder):
    code, _, err = run("inspect", "a.npy", "--png", "a.png", cwd=folder)
    assert code == 2
    assert "--png: allowed for plans only" in err
