"""The commands on hostile input, each a process of its own with little memory and little time."""

import json
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

import patchplan
from tests.cli.running import TOOL, environment
from tests.faults.hostile import changed, damaged, examples, json_bytes
from tests.plans.making import edit, make_plan

DATA = 1 << 30
"""Bytes of private memory, of which starting takes about a third."""


def limited(folder: Path, *args: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it says on stderr, which is no traceback."""
    done = subprocess.run(
        [*TOOL, *args],
        cwd=folder,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (DATA, DATA)),
    )
    err = done.stderr.decode("utf-8", "replace")
    assert done.returncode in (0, 1, 2), (done.returncode, err)
    assert "Traceback" not in err
    assert "\x1b" not in err + done.stdout.decode("utf-8", "replace"), "codes that a terminal would obey"
    assert all(
        line.startswith(("error: ", "failed: ", "warning", "note", " ", "Usage", "Try"))
        for line in err.splitlines()[:1]
    )
    return done.returncode, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """An image, a plan of it in each format, and tiles."""
    folder: Path = tmp_path_factory.mktemp("commands") / "here"
    folder.mkdir()
    np.save(folder / "a.npy", np.arange(1200, dtype="u2").reshape(40, 30))
    for suffix in (".parquet", ".csv", ".json"):
        make_plan(folder, suffix, {"name": "tiled", "patch_size": 16, "overlaps": 4})
    patchplan.extract(folder / "plan.csv", folder / "tiles.zarr")
    return folder


BOMB = "name: tiled\npatch_size:\n  - &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  - &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)
CONFIGS: dict[str, str] = {
    "a bomb of aliases": BOMB,
    "a tag of Python": "name: !!python/object/apply:os.system ['touch touched']\n",
    "a tag of Python in a key": "!!python/object/new:os.system {name: tiled}\n",
    "deep": "name: tiled\npatch_size: " + "[" * 30_000,
    "numbers without end": "name: tiled\npatch_size: [" + "9" * 60_000 + ", 8]\n",
    "an alias of itself": "name: &a [*a]\npatch_size: &b {x: *b}\n",
    "infinite": "name: tiled\npatch_size: .inf\noverlaps: -.nan\n",
    "sexagesimal": "name: tiled\npatch_size: " + ":".join(["59"] * 15_000) + "\n",
    "escapes": 'name: "\\e[31mtiled\\a"\n"\\e]0;x\\a": 1\n',
    "a table elsewhere": "name: fixed\ntable: ../../../../../../etc/passwd\n",
    "a table that is a device": "name: fixed\ntable: /dev/zero\n",
}


@pytest.mark.parametrize("name", CONFIGS)
def test_configs(folder, tmp_path, name):
    shutil.copy(folder / "a.npy", tmp_path)
    (tmp_path / "c.yaml").write_text(CONFIGS[name])
    code, _ = limited(tmp_path, "plan", "a.npy", "-c", "c.yaml", "-o", "p.csv")
    assert code == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npy", "c.yaml"]


HUGE = {
    "patch-size": ("9" * 30, "9" * 5000, "\udcff"),
    "epochs": ("9" * 30,),
}


@pytest.mark.parametrize(("option", "value"), [(key, value) for key, values in HUGE.items() for value in values])
def test_numbers_of_options(folder, tmp_path, option, value):
    shutil.copy(folder / "a.npy", tmp_path)
    words = ["plan", "a.npy", "--strategy", "random", "--patch-size", "8", f"--{option}", value]
    code, err = limited(tmp_path, *words, "-o", "p.parquet")
    assert code == 2, err
    assert not (tmp_path / "p.parquet").exists()


def write_escapes(folder: Path) -> tuple[str, ...]:
    edit(folder / "plan.json", header=lambda header: header.update({"\x1b[31m\a": 1}))
    return ("inspect", "plan.json")


def write_escapes_in_names(folder: Path) -> tuple[str, ...]:
    np.save(folder / "\x1b[31mred\n.npy", np.zeros((3, 3, 3)))
    return ("inspect", "\x1b[31mred\n.npy")


def write_claims(folder: Path) -> tuple[str, ...]:
    text = (
        '<OME><Image><Pixels DimensionOrder="XYZCT" SizeX="8" SizeY="8" SizeZ="1" SizeC="1" SizeT="1000000000">'
        '<TiffData IFD="0"/></Pixels></Image></OME>'
    )
    tifffile.imwrite(folder / "a.tif", np.zeros((8, 8), "u1"), description=text, metadata=None)
    return ("inspect", "a.tif")


def write_deep(folder: Path) -> tuple[str, ...]:
    (folder / "plan.json").write_text('{"header":' + "[" * 10**6)
    return ("inspect", "plan.json")


def write_deep_zarr(folder: Path) -> tuple[str, ...]:
    (folder / "a.zarr").mkdir()
    (folder / "a.zarr" / "zarr.json").write_text('{"attributes":' + "[" * 10**6)
    return ("inspect", "a.zarr")


def write_many_tiles(folder: Path) -> tuple[str, ...]:
    def enlarge(header: Any) -> None:
        header["images"][0].update(shape=[10**6, 10**6], data_shape=[1, 1, 10**6, 10**6], n_patches=6944444444)

    edit(folder / "plan.json", header=enlarge)
    return ("stitch", "plan.json", "tiles.zarr", "--check")


WRITERS = [write_escapes, write_escapes_in_names, write_claims, write_deep, write_deep_zarr, write_many_tiles]


@pytest.mark.parametrize("write", WRITERS)
def test_files(folder, tmp_path, write):
    shutil.copytree(folder, tmp_path / "here")
    words = write(tmp_path / "here")
    code, err = limited(tmp_path / "here", *words)
    assert (code, err.count("\n")) == (2, 1), err


COMMANDS = [
    ("inspect", "plan{end}", "--json"),
    ("extract", "plan{end}", "--dry-run"),
    ("stitch", "plan{end}", "tiles.zarr", "--check"),
    ("plan", "a.npy", "--strategy", "fixed", "--table", "plan{end}", "--dry-run"),
]


@examples(2)
@given(data=st.data())
@pytest.mark.parametrize("end", [".json", ".parquet", ".csv"])
def test_any_plan(folder, tmp_path, end, data):
    shutil.copytree(folder, tmp_path / "here", dirs_exist_ok=True)
    path = tmp_path / "here" / f"plan{end}"
    if end == ".json":
        path.write_bytes(json_bytes(data.draw(changed(json.loads((folder / "plan.json").read_text())))))
    else:
        path.write_bytes(data.draw(damaged((folder / path.name).read_bytes())))
    limited(tmp_path / "here", *(word.format(end=end) for word in data.draw(st.sampled_from(COMMANDS))))
