"""Between a stopped run and going on, something else is asked for, or lies in the tiles: refused, and told what."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import patchplan
from tests.cli.running import TOOL, Run
from tests.faults.going_on import run_here
from tests.faults.stopping import refused
from tests.plans.making import files_of
from tests.stitching.making import grid, pixels_of, plan_of, write_folder, write_image, write_stack

ASKED = ("--blend", "gaussian", "--chunks", "16", "--shards", "none")
KINDS = ("tiles", "tiles.zarr", "tiles.npy")
FREE = ("--later-wins", "--force")
"""Options that change no byte where the tiles are what they were."""

LATER = 10**9
"""A second, in which a file was changed."""


class Here:
    """A folder with a plan, its tiles in three kinds, and a run that was stopped after some blocks."""

    def __init__(self, folder: Path, kind: str = "tiles", output: str = "out.zarr") -> None:
        self.folder, self.kind, self.output = folder, kind, output
        image = write_image(folder / "image.npy", np.zeros((4, 60, 70), "u1"), "TYX")
        self.plan = plan_of(image, grid(20, 8), axes="TYX")
        tiles = pixels_of((self.plan.n_patches, 1, 20, 20), "f4")
        if kind == "tiles":
            write_folder(folder / kind, list(tiles))
        elif kind == "tiles.zarr":
            write_stack(folder / kind, list(tiles))
        else:
            np.save(folder / kind, tiles)
        self.wanted = self.stitch("--overwrite").code, self.files()
        shutil.rmtree(folder / output)
        self.stop()

    def stop(self, **more: Any) -> None:
        """Begin a run and interrupt it after two boxes."""
        seen = 0

        def interrupt(*_: object) -> None:
            nonlocal seen
            seen += 1
            if seen == 2:
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt), contextlib.chdir(self.folder):
            patchplan.stitch(
                "plan.parquet", [self.kind], self.output, progress=interrupt,
                **{"blend": "gaussian", "chunks": 16, "shards": "none", "workers": 1, **more},
            )  # fmt: skip
        assert (self.folder / f"{self.output}.partial").is_dir()

    def files(self) -> dict[str, bytes]:
        """Return the output."""
        return files_of(self.folder / self.output)

    def stitch(self, *more: str, plan: str = "plan.parquet", tiles: tuple[str, ...] = ()) -> Run:
        """Run the command with more options."""
        words = [*TOOL, "stitch", plan, *(tiles or (self.kind,)), "-o", self.output, *ASKED, *more, "--quiet"]
        return run_here(words, self.folder)

    def refused(self, *words: str, more: tuple[str, ...] = ("--resume",), **inputs: Any) -> None:
        """Require a refusal of a run with some words, and what was there to be there still."""
        left = files_of(self.folder / f"{self.output}.partial")
        refused(self.stitch(*more, **inputs), *words)
        assert not (self.folder / self.output).exists()
        assert files_of(self.folder / f"{self.output}.partial") == left


@pytest.fixture(params=KINDS)
def here(request, place) -> Here:
    """Return a stopped run for each kind of tiles."""
    return Here(place, request.param)


@pytest.fixture
def folder(place) -> Here:
    """Return a stopped run whose tiles are files of a folder."""
    return Here(place)


def goes_on(here: Here, *more: str) -> None:
    """Require that a run goes on to the bytes of an undisturbed one."""
    done = here.stitch("--resume", *more)
    assert done.code == 0, done.err
    assert (0, here.files()) == here.wanted
    assert not (here.folder / f"{here.output}.partial").exists()


def test_the_same_again_goes_on(here):
    goes_on(here)


@pytest.mark.parametrize("more", [("--workers", "2"), ("--memory", "300MB"), ("--json",)], ids=str)
def test_what_changes_no_byte_may_change(folder, more):
    goes_on(folder, *more)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--blend", "hann"), ("--chunks", "32"), ("--shards", "32"), ("--dtype", "float64"), ("--fill-value", "1"),
        ("--reduce", "threshold:1"), ("--levels", "1"), ("--compression", "none"), ("--ngff", "0.4"),
        ("--labels", ""), ("--allow-missing", ""), ("--later-wins", ""), ("--force", ""),
    ],
)  # fmt: skip
def test_another_option_is_refused_and_named(folder, option, value):
    """Unless it changes no byte; then the run goes on."""
    more = ("--resume", option, *([value] if value else []))
    if option in FREE:
        assert folder.stitch(*more).code == 0
        assert (0, folder.files()) == folder.wanted
    else:
        folder.refused(option, more=more)
        goes_on(folder)


def test_the_stopped_run_is_not_taken_for_an_unfinished_one_without_resume(folder):
    folder.refused("out.zarr.partial", "--resume", "--overwrite", more=())
    goes_on(folder)


def test_another_plan_is_refused(folder):
    plan_of(folder.folder / "image.npy", grid(20, 8), axes="TYX")
    goes_on(folder)
    folder.output = "other.zarr"
    folder.stop()
    patchplan.plan(
        folder.folder / "image.npy", folder.folder / "other.parquet", patching=grid(20, 10), axes="TYX", overwrite=True
    )
    tiles = pixels_of((patchplan.open_plan(folder.folder / "other.parquet").n_patches, 1, 20, 20), "f4")
    write_folder(folder.folder / "others", list(tiles))
    folder.refused("plan", plan="other.parquet", tiles=("others",))
    goes_on(folder)


def some_file(here: Here) -> Path:
    """Return a file of the tiles."""
    path = here.folder / here.kind
    return (
        next(file for file in sorted(path.rglob("*")) if file.is_file() and file.suffix != ".json")
        if path.is_dir()
        else path
    )


def test_a_tile_that_was_touched_is_refused(here):
    """What its pixels are now is not known to be what they were; put back as it was, the run goes on."""
    path = some_file(here)
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + LATER))
    here.refused(here.kind)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    goes_on(here)


def test_a_tile_that_was_changed_is_refused(here):
    path = some_file(here)
    data = path.read_bytes()
    path.write_bytes(data[:-4] + bytes(4))
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + LATER))
    here.refused(here.kind)


def test_a_tile_that_was_removed_is_refused(folder):
    name = sorted(path.name for path in (folder.folder / "tiles").iterdir())[5]
    (folder.folder / "tiles" / name).unlink()
    done = folder.stitch("--resume")
    assert done.code in (1, 2), done  # missing, or changed
    assert "tiles" in done.err
    folder.refused("--allow-missing", more=("--resume", "--allow-missing"))


def test_a_tile_that_was_removed_from_tiles_that_may_be_missing_is_refused(folder):
    goes_on(folder)
    folder.output = "other.zarr"
    folder.stop(allow_missing=True)
    (folder.folder / "tiles" / "005.npy").unlink()
    folder.refused("tiles", "120 files", "119", more=("--resume", "--allow-missing"))


def test_a_tile_that_was_added_is_refused(folder):
    goes_on(folder)
    removed = sorted((folder.folder / "tiles").iterdir())[5]
    kept = folder.folder / removed.name
    removed.rename(kept)
    folder.output = "other.zarr"
    folder.stop(allow_missing=True)
    kept.rename(removed)
    folder.refused("tiles", more=("--resume", "--allow-missing"))


def test_other_tiles_are_refused(folder):
    shutil.copytree(folder.folder / "tiles", folder.folder / "copies", copy_function=shutil.copy)
    os.utime(folder.folder / "copies" / "000.npy", ns=(0, 0))
    folder.refused("tiles", tiles=("copies",))
    folder.refused("1 TILES", more=("--resume", "--later-wins"), tiles=("tiles", "copies"))
    goes_on(folder)


def test_another_meaning_of_absent_chunks_is_refused(place):
    """A tile that is missing is not one of zeros."""
    here = Here(place, "tiles.npy")
    goes_on(here)
    here.kind, here.output = "bare.zarr", "other.zarr"
    tiles = np.load(place / "tiles.npy")
    bare: Any = zarr.create_array(place / here.kind, shape=tiles.shape, dtype="f4", chunks=(1, *tiles.shape[1:]))
    for row in range(0, len(tiles), 2):
        bare[row] = tiles[row]
    here.stop(allow_missing=True)
    here.refused("--absent-chunks", more=("--resume", "--allow-missing", "--absent-chunks", "zeros"))


def test_shards_left_to_the_program_are_not_no_shards(place):
    """Of many chunks the program makes shards, unless it is told not to."""
    here = Here(place)
    goes_on(here)
    here.output = "other.zarr"
    here.stop(chunks=2, shards=None)
    here.refused("--shards", more=("--resume", "--chunks", "2", "--shards", "none"))
