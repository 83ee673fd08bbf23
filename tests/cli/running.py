"""The tool as users run it: a process of its own, its streams pipes."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr

TOOL = [sys.executable, "-m", "patchplan"]
TILED = ("--strategy", "tiled", "--patch-size", "16", "--overlaps", "4")
COLOUR_VARIABLES = {"FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "COLUMNS", "TTY_COMPATIBLE"}


@dataclass(frozen=True)
class Run:
    """What a run left: exit code and both streams."""

    code: int
    out: str
    err: str

    def __iter__(self):
        return iter((self.code, self.out, self.err))


def environment(**extra: str) -> dict[str, str]:
    """The variables of a plain terminal, whatever runs these tests."""
    kept = {name: value for name, value in os.environ.items() if name not in COLOUR_VARIABLES}
    return {**kept, "TERM": "xterm-256color", **extra}


def run(*args: str | Path, cwd: Path, tool: list[str] | None = None, **env: str) -> Run:
    """Run the tool in a folder; a traceback fails the test whatever else it asks."""
    command = [*(tool or TOOL), *map(str, args)]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "\x1b" not in done.stdout + done.stderr, "escape codes in a pipe"
    return Run(done.returncode, done.stdout, done.stderr)


def npy(path: Path, *shape: int) -> Path:
    """Write an array without content."""
    np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    return path


def make_inputs(folder: Path) -> None:
    """An image of each kind that an option is about."""
    npy(folder / "a.npy", 100, 80)
    npy(folder / "small.npy", 9, 9)
    npy(folder / "stack.npy", 4, 40, 30)
    (folder / "broken.tif").write_bytes(b"II*\0" + bytes(20))
    (folder / "notes.txt").write_text("not an image")
    tifffile.imwrite(folder / "volume.ome.tif", np.zeros((4, 40, 30), "u2"), metadata={"axes": "ZYX"})
    with tifffile.TiffWriter(folder / "series.tif") as tif:
        tif.write(np.zeros((40, 30), "u1"), metadata=None)
        tif.write(np.zeros((20, 20), "u2"), metadata=None)
    with tifffile.TiffWriter(folder / "pyramid.tif") as tif:
        tif.write(np.zeros((64, 64), "u1"), tile=(16, 16), subifds=1, metadata={"axes": "YX"})
        tif.write(np.zeros((32, 32), "u1"), tile=(16, 16), subfiletype=1)
    group: Any = zarr.open_group(folder / "group.zarr", mode="w")
    group.create_array("left", shape=(50, 50), chunks=(25, 25), dtype="u1")
    group.create_array("right", shape=(60, 40), chunks=(20, 20), dtype="f4")
    nested = folder / "folder" / "deep"
    nested.mkdir(parents=True)
    npy(folder / "folder" / "b.npy", 32, 32)
    npy(nested / "c.npy", 16, 16)
    (nested / "readme.txt").write_text("left out")
    (folder / "tiled.yaml").write_text("name: tiled\npatch_size: 16\noverlaps: 4\n")
    (folder / "fixed.csv").write_text(
        "data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x\n0,0,5,6,16,16\n0,0,0,0,8,8\n"
    )


def listing(folder: Path) -> dict[str, bytes]:
    """All files below a folder, and what is in them."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
