"""`patchplan stitch` with bad input: one clear line, exit code 2, everything as it was."""

import re
from pathlib import Path

import numpy as np
import pytest
import zarr

import patchplan
from tests.cli.running import listing, run
from tests.stitching.making import cut, grid, pixels_of, plan_of, plan_pixels, write_folder, write_image, write_stack


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    """Plans and tiles that no test changes."""
    folder: Path = tmp_path_factory.mktemp("bad")
    pixels = pixels_of((30, 40), "u2")
    tiles = cut(plan_pixels(folder, pixels, "YX", grid(13, 3)))
    write_stack(folder / "tiles.zarr", tiles)
    write_folder(folder / "tiles", tiles)
    np.save(folder / "eleven.npy", np.stack(tiles[:-1]))
    np.save(folder / "flat.npy", np.stack(tiles)[:, 0])
    np.save(folder / "long.npy", np.stack(tiles).astype("i8"))
    np.save(folder / "half.npy", np.stack(tiles).astype("f2"))
    np.save(folder / "float.npy", np.stack(tiles).astype("f4"))
    patchplan.plan(folder / "image.npy", folder / "patches.csv", patching=grid(13, 3, "sequential"))
    patchplan.plan(folder / "image.npy", folder / "small.csv", patching=grid(10, 3))
    two = folder / "two"
    two.mkdir()
    plan_of([write_image(two / f"{name}.npy", pixels, "YX") for name in "ab"], grid(13, 3))
    write_folder(two / "tiles", tiles + tiles)
    (folder / "text.txt").write_text("no tiles")
    (folder / "empty").mkdir()
    zarr.open_group(folder / "group.zarr", mode="w").create_array("data", shape=(4, 4), dtype="u1")
    return folder


OK = ("plan.parquet", "tiles", "-o", "{out}.zarr")
CASES: dict[str, tuple[tuple[str, ...], str]] = {
    "no plan": (("none.parquet", "tiles", "-o", "{out}.zarr"), r"none\.parquet: there is no such file"),
    "an image for a plan": (("image.npy", "tiles", "-o", "{out}.zarr"), r"image\.npy.*(\.parquet|plan)"),
    "no tiles": (("plan.parquet", "none", "-o", "{out}.zarr"), r"none: no such file or folder"),
    "text for tiles": (("plan.parquet", "text.txt", "-o", "{out}.zarr"), r"text\.txt: .*allowed|text\.txt: .*no "),
    "a group without tiles": (("plan.parquet", "group.zarr", "-o", "{out}.zarr"), r"group\.zarr: .*tiles"),
    "fewer rows": (("plan.parquet", "eleven.npy", "-o", "{out}.zarr"), r"eleven\.npy: .*11.*12"),
    "no channel axis": (("plan.parquet", "flat.npy", "-o", "{out}.zarr"), r"flat\.npy: .*3.*4"),
    "the source": (("plan.parquet", "image.npy", "-o", "{out}.zarr"), r"image\.npy"),
    "no output": (("plan.parquet", "tiles"), r"no output given.*-o OUT"),
    "suffix": (("plan.parquet", "tiles", "-o", "{out}.png"), r"\.png.*(\.zarr.*\.tif.*\.npy)"),
    "parent": (("plan.parquet", "tiles", "-o", "{out}/below/a.zarr"), r"does not exist"),
    "two images, one name": (("two/plan.parquet", "two/tiles", "-o", "{out}.zarr"), r"has 2; give a folder"),
    "two images, no format": (("two/plan.parquet", "two/tiles", "-o", "{out}"), r"--format"),
    "format and suffix": ((*OK, "--format", "npy"), r"--format"),
    "averaging labels": ((*OK, "--blend", "average"), r"uint16.*--force"),
    "averaging patches": (("patches.csv", "tiles.zarr", "-o", "{out}.npy"), r"uint16.*--force"),
    "crop of patches": (("patches.csv", "float.npy", "-o", "{out}.npy", "--blend", "crop"), r"--blend crop: "),
    "no such blend": ((*OK, "--blend", "mean"), r"'mean' is not one of"),
    "no such format": ((*OK, "--format", "png"), r"'png' is not one of"),
    "no such ngff": ((*OK, "--ngff", "0.3"), r"'0\.3' is not one of"),
    "no such meaning": ((*OK, "--absent-chunks", "ones"), r"'ones' is not one of"),
    "shards in 0.4": ((*OK, "--ngff", "0.4", "--shards", "64"), r"--ngff 0\.4.*--shards|--shards.*0\.4"),
    "ngff of a TIFF": (("plan.parquet", "tiles", "-o", "{out}.tif", "--ngff", "0.4"), r"--ngff"),
    "shards of a TIFF": (("plan.parquet", "tiles", "-o", "{out}.tif", "--shards", "64"), r"--shards"),
    "chunks of .npy": (("plan.parquet", "tiles", "-o", "{out}.npy", "--chunks", "64"), r"--chunks"),
    "levels of .npy": (("plan.parquet", "tiles", "-o", "{out}.npy", "--levels", "2"), r"--levels"),
    "compressed .npy": (("plan.parquet", "tiles", "-o", "{out}.npy", "--compression", "zstd"), r"--compression"),
    "shards no multiple": ((*OK, "--chunks", "32", "--shards", "50"), r"--shards: .*50.*32"),
    "shards of no size": ((*OK, "--shards", "big"), r"--shards: found 'big'"),
    "chunks of no size": ((*OK, "--chunks", "0"), r"--chunks: found .*allowed"),
    "chunks of too many axes": ((*OK, "--chunks", "1,2,3"), r"--chunks: found .*2"),
    "levels of no number": ((*OK, "--levels", "all"), r"--levels: found 'all'; allowed: auto"),
    "no levels": ((*OK, "--levels", "0"), r"--levels: found 0; allowed"),
    "lzw in Zarr": ((*OK, "--compression", "lzw"), r"--compression: found 'lzw'; allowed"),
    "blosc in TIFF": (
        ("plan.parquet", "tiles", "-o", "{out}.tif", "--compression", "blosc"),
        r"--compression: found 'blosc'",
    ),
    "level of zstd": ((*OK, "--compression", "zstd:high"), r"--compression: found 'zstd:high'"),
    "int64 in TIFF": (("plan.parquet", "long.npy", "-o", "{out}.tif"), r"int64.*--dtype.*(OME-Zarr|\.zarr)"),
    "float16 in TIFF": (("plan.parquet", "half.npy", "-o", "{out}.ome.tif"), r"float16.*--dtype.*(OME-Zarr|\.zarr)"),
    "complex as asked": ((*OK, "--dtype", "text"), r"--dtype: found 'text'; allowed"),
    "margin": ((*OK, "--margin", "x"), r"--margin: found 'x'"),
    "negative margin": ((*OK, "--margin", "-1"), r"--margin: found .*allowed"),
    "scale": ((*OK, "--scale", "x"), r"--scale: found 'x'"),
    "scale that does not fit": ((*OK, "--scale", "1/2"), r"multiple_of|6.*13 x 13|--multiple-of"),
    "reduce": ((*OK, "--reduce", "max"), r"--reduce: found 'max'; allowed"),
    "channel that tiles lack": ((*OK, "--reduce", "channel:1"), r"--reduce channel:1: tiles have channels 0 to 0"),
    "fill value": ((*OK, "--fill-value", "x"), r"--fill-value: found 'x'; allowed"),
    "fill value of the dtype": ((*OK, "--fill-value", "-1"), r"--fill-value: found -1.*uint16"),
    "memory": ((*OK, "--memory", "much"), r"--memory: found 'much'; allowed"),
    "too little memory": ((*OK, "--memory", "1KB"), r"--memory: found .*1"),
    "workers": ((*OK, "--workers", "0"), r"--workers: found 0; allowed"),
    "epoch": ((*OK, "--epoch", "1"), r"--epoch: found 1"),
    "negative epoch": ((*OK, "--epoch", "-1"), r"--epoch: found -1"),
    "what to run again goes nowhere": ((*OK, "--missing-output", "{out}.txt"), r"\.txt.*\.parquet"),
    "what to run again is the plan": ((*OK, "--missing-output", "plan.parquet"), r"plan\.parquet"),
}  # fmt: skip


@pytest.mark.parametrize(("args", "said"), CASES.values(), ids=CASES.keys())
def test_exit_code_2_one_line_and_nothing_changed(case, tmp_path, args, said):
    before = listing(case)
    filled = [arg.replace("{out}", str(tmp_path / "out")) for arg in args]
    code, out, err = run("stitch", *filled, cwd=case)
    assert (code, out) == (2, ""), err
    assert re.search(said, " ".join(err.split()).replace("│ ", "")), err
    if "Usage" not in err:
        assert err.startswith("error: ")
        assert len(err.splitlines()) == 1
    assert listing(tmp_path) == {}
    assert list(tmp_path.iterdir()) == []
    assert listing(case) == before


UNFIT: dict[str, tuple[tuple[str, ...], str]] = {
    "an empty folder": (("plan.parquet", "empty"), r"12 of 12 tiles are missing"),
    "another plan": (("small.csv", "tiles.zarr"), r"13, 13.*10, 10"),
    "margin": (("plan.parquet", "tiles", "--margin", "2"), r"13, 13.*9, 9"),
    "scale": (("plan.parquet", "tiles", "--scale", "2"), r"13, 13.*26, 26"),
}


@pytest.mark.parametrize(("args", "said"), UNFIT.values(), ids=UNFIT.keys())
def test_tiles_of_which_none_fits_are_named(case, tmp_path, args, said):
    code, out, err = run("stitch", *args, "-o", tmp_path / "out.zarr", cwd=case)
    assert code in (1, 2)
    assert re.search(said, " ".join(err.split())), err
    assert (out, list(tmp_path.iterdir())) == ("", [])


def copy(case: Path, folder: Path) -> dict[str, bytes]:
    """Copy what a test may destroy, and return what is in it."""
    for name, content in listing(case).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return listing(folder)


PLACES: dict[str, tuple[tuple[str, ...], str]] = {
    "inside the tiles": (("plan.parquet", "tiles", "-o", "tiles/out.zarr"), r"inside|in the tiles"),
    "inside a stack": (("plan.parquet", "tiles.zarr", "-o", "tiles.zarr/out.npy"), r"inside|in the tiles"),
    "the tiles": (("plan.parquet", "tiles.zarr", "-o", "tiles.zarr"), r"tiles\.zarr"),
    "the tiles, by another name": (("plan.parquet", "tiles.zarr", "-o", "./empty/../tiles.zarr"), r"tiles\.zarr"),
    "the source": (("plan.parquet", "tiles", "-o", "image.npy"), r"image\.npy"),
    "the plan's folder": (("two/plan.parquet", "two/tiles", "-o", "two", "--format", "npy"), r"two"),
    "around the tiles": (("plan.parquet", "group.zarr/tiles", "-o", "group.zarr"), r"group\.zarr"),
    "a folder of others": (("plan.parquet", "tiles", "-o", "keep.zarr"), r"keep\.zarr"),
    "a file where a store goes": (("plan.parquet", "tiles", "-o", "file.zarr"), r"file\.zarr"),
    "a store where a file goes": (("plan.parquet", "tiles", "-o", "folder.npy"), r"folder\.npy"),
    "what to run again": (
        ("plan.parquet", "tiles", "-o", "out.npy", "--missing-output", "out.npy"),
        r"out\.npy",
    ),
    "what to run again among the tiles": (
        ("plan.parquet", "tiles", "-o", "out.npy", "--missing-output", "tiles/again.csv"),
        r"tiles",
    ),
}


@pytest.mark.parametrize(("args", "said"), PLACES.values(), ids=PLACES.keys())
def test_an_output_never_harms_what_is_read_or_belongs_to_others(case, tmp_path, args, said):
    before = copy(case, tmp_path)
    write_folder(tmp_path / "group.zarr" / "tiles", list(np.load(tmp_path / "float.npy")))
    (tmp_path / "keep.zarr").mkdir()
    (tmp_path / "keep.zarr" / "thesis.txt").write_text("mine")
    (tmp_path / "file.zarr").write_text("mine")
    (tmp_path / "folder.npy").mkdir()
    (tmp_path / "folder.npy" / "thesis.txt").write_text("mine")
    before = listing(tmp_path)
    code, out, err = run("stitch", *args, "--overwrite", cwd=tmp_path)
    assert (code, out) == (2, ""), err
    assert re.search(said, err), err
    assert listing(tmp_path) == before


def test_tiles_that_record_another_plan_are_refused(case, tmp_path):
    """The same number of tiles of the same size, but of another plan: only the recorded hash tells."""
    write_image(tmp_path / "image.npy", pixels_of((40, 30), "u2"), "YX")
    for name, path in (("plan.csv", tmp_path / "image.npy"), ("right.csv", case / "image.npy")):
        patchplan.plan(path, tmp_path / name, patching=grid(13, 3))
    code, _, err = run("extract", "right.csv", "-o", "patches.zarr", cwd=tmp_path)
    assert code == 0, err
    code, out, err = run("stitch", "plan.csv", "patches.zarr", "-o", "out.zarr", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert re.search(r"patches\.zarr: .*another plan|patches\.zarr: .*not of this plan|patches\.zarr: .*plan", err)
    assert run("stitch", "right.csv", "patches.zarr", "-o", "out.zarr", cwd=tmp_path).code == 0


def test_a_plan_that_is_damaged_is_refused(case, tmp_path):
    content = (case / "plan.parquet").read_bytes()
    (tmp_path / "plan.parquet").write_bytes(content[: len(content) // 2])
    code, out, err = run("stitch", "plan.parquet", case / "tiles", "-o", "out.npy", cwd=tmp_path)
    assert (code, out) == (2, "")
    assert re.match(r"error: plan\.parquet: ", err)
