"""What is killed: commands whose writing takes about as long as their start, on inputs that are made once."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from patchplan.plans.plan import Plan
from tests.cli.running import TOOL
from tests.plans.making import files_of
from tests.stitching.making import grid, pixels_of, plan_of, write_image, write_stack

STITCH = "stitch @series/plan.parquet @series/tiles.zarr --blend gaussian --workers 3 --levels 4"
MANY = "stitch @many/plan.parquet @many/tiles.npy --blend gaussian --workers 3 --levels 3"
EXTRACT = "extract @dense/plan.parquet --workers 2"


@dataclass(frozen=True)
class Case:
    """A command.

    Parameters
    ----------
    output : str
        What it is told to write.
    words : str
        Its words up to the output; a path that begins with @ is one of an input.
    other : str
        Options that make another output of the same name and kind.
    """

    output: str
    words: str
    other: str

    def command(self, made: Path, *more: str) -> list[str]:
        """Return the whole command; `made` is the folder of the inputs."""
        return [*TOOL, *words_of(f"{self.words} -o {self.output}", made), *more, "--quiet"]

    def earlier(self, made: Path) -> list[str]:
        """Return the command that writes the other output."""
        return self.command(made, *words_of(self.other, made))


def words_of(line: str, made: Path) -> list[str]:
    """Split a line, and put the folder of the inputs in place of each @."""
    return [str(made / word[1:]) if word.startswith("@") else word for word in line.split()]


CASES = {
    "tiny": Case(
        "out.zarr",
        "stitch @tiny/plan.parquet @tiny/tiles.npy --blend gaussian --chunks 64 --levels 2",
        "--blend linear",
    ),
    "tiny-sums": Case(
        "out.zarr", "stitch @tiny/plan.parquet @tiny/tiles.npy --chunks 64 --checksums", "--dtype float64"
    ),
    "tiny-tiff": Case(
        "out.tif", "stitch @tiny/plan.parquet @tiny/tiles.npy --blend gaussian --levels 2", "--blend linear"
    ),
    "zarr": Case("out.zarr", f"{STITCH} --chunks 16 --shards none", "--blend linear"),
    "shards": Case("out.zarr", f"{STITCH} --chunks 16 --shards 64", "--blend linear"),
    "tiff": Case("out.ome.tif", f"{STITCH} --chunks 32", "--blend linear"),
    "npy": Case("out.npy", "stitch @fine/plan.parquet @fine/tiles.npy --blend gaussian --workers 3", "--blend linear"),
    "several": Case("out", f"{MANY} --format ome-zarr --chunks 16 --shards none", "--blend linear"),
    "several-tiff": Case("out", f"{MANY} --format ome-tiff --chunks 32", "--blend linear"),
    "stack": Case("out.zarr", EXTRACT, "--from @dense/other.npy --axes YX"),
    "array": Case("out.npy", EXTRACT, "--from @dense/other.npy --axes YX"),
    "folder": Case("out", "extract @few/plan.parquet --workers 2", "--from @few/other.npy --axes YX"),
}


def make_inputs(folder: Path) -> Path:
    """Write the inputs of all cases: noise, which no codec makes smaller."""
    for name in ("tiny", "series", "fine", "many", "dense", "few"):
        (folder / name).mkdir()
    plan = _series(folder / "series", (8, 320, 320), grid(64, 24))
    write_stack(folder / "series" / "tiles.zarr", list(_noise(plan, 64)))
    plan = _series(folder / "tiny", (4, 300, 300), grid(100, 20))
    np.save(folder / "tiny" / "tiles.npy", _noise(plan, 100))
    plan = _series(folder / "fine", (4, 600, 600), grid(24, 18))
    np.save(folder / "fine" / "tiles.npy", _noise(plan, 24).astype("f2"))
    names = [folder / "many" / f"{name}.npy" for name in ("a", "b", "c")]
    plan = plan_of([write_image(name, np.zeros((310, 330), "u1"), "YX") for name in names], grid(48, 16), axes="YX")
    np.save(folder / "many" / "tiles.npy", _noise(plan, 48))
    for name, side, patching in (("dense", 3000, grid(16, 8)), ("few", 576, grid(8))):
        for number, image in enumerate(("other.npy", "image.npy")):
            write_image(folder / name / image, pixels_of((side, side), seed=number), "YX")
        plan_of(folder / name / "image.npy", patching, axes="YX")
    return folder


def _series(folder: Path, shape: tuple[int, ...], patching: dict[str, Any]) -> Plan:
    """Plan a series of planes."""
    return plan_of(write_image(folder / "image.npy", np.zeros(shape, "u1"), "TYX"), patching, axes="TYX")


def _noise(plan: Plan, size: int) -> Any:
    return pixels_of((plan.n_patches, 1, size, size), "f4")


def standing(folder: Path, output: str) -> dict[str, bytes] | None:
    """Return the files of what stands under a name, None where nothing does, but for the mark of a swap."""
    path = folder / output
    if path.is_dir():
        return {name: data for name, data in files_of(path).items() if name != ".patchplan-replaced"}
    return {"": path.read_bytes()} if path.exists() else None


def copy(source: Path, target: Path) -> None:
    """Make a folder the copy of another, times of change included."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def empty(folder: Path) -> None:
    """Make a folder empty."""
    shutil.rmtree(folder)
    folder.mkdir()


def fast_disk() -> str | None:
    """Return a disk in memory, where there is one with room: what a process has written outlives it on any disk."""
    disk = Path("/dev/shm")
    roomy = disk.is_dir() and os.access(disk, os.W_OK) and shutil.disk_usage(disk).free > 4 << 30
    return str(disk) if roomy else None
