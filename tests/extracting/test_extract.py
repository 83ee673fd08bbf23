"""Every patch of every kind of plan and output equals the one read by itself."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.extracting import cutting
from patchplan.images import limits
from patchplan.images.tiff import reader
from patchplan.tiles.opening import open_tiles
from tests.extracting.making import DTYPES, ENDS, assert_same, extract_as, load, make_npy, make_zarr, one_by_one

AXES = ("YX", "CYX", "YXC", "TCYX", "SYX", "ZYX", "CZYX", "TZCYX", "XYZ")


@st.composite
def cases(draw) -> dict[str, Any]:
    """Images of one dtype and number of channels, a strategy over them, and how to extract."""
    axes = draw(st.sampled_from(AXES))
    ndim = 3 if "Z" in axes else 2
    channels = draw(st.integers(1, 3))
    sizes = st.integers(1, 40 if ndim == 2 else 12)

    def shape() -> tuple[int, ...]:
        others = {"C": channels, "T": draw(st.integers(1, 2)), "S": draw(st.integers(1, 3))}
        return tuple(others.get(letter) or draw(sizes) for letter in axes)

    patch = draw(st.tuples(*[st.integers(1, 16 if ndim == 2 else 6)] * ndim))
    overlaps = tuple(draw(st.integers(0, size - 1)) for size in patch)
    n_channels = channels if "C" in axes else 1
    return {
        "axes": axes,
        "shapes": [shape() for _ in range(draw(st.integers(1, 3)))],
        "dtype": draw(st.sampled_from("<>")) + draw(st.sampled_from(DTYPES)),
        "patching": {"patch_size": patch}
        | draw(
            st.sampled_from(
                [
                    {"name": "tiled", "overlaps": overlaps},
                    {"name": "sequential", "overlaps": overlaps},
                    {"name": "random", "seed": 1},
                ]
            )
        ),
        "channels": draw(st.none() | st.lists(st.integers(0, n_channels - 1), min_size=1, max_size=3)),
        "pad_mode": draw(st.sampled_from(["constant", "reflect", "edge"])),
        "kind": draw(st.sampled_from(list(ENDS))),
        "workers": draw(st.integers(1, 3)),
    }


@settings(max_examples=60)
@given(case=cases())
def test_extracted_patches_equal_those_read_one_by_one(case):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images = [make_npy(folder / f"{i}.npy", s, case["dtype"], i) for i, s in enumerate(case["shapes"])]
        patchplan.plan(images, folder / "p.csv", patching=case["patching"], axes=case["axes"])
        plan = patchplan.open_plan(folder / "p.csv")
        how = {"channels": case["channels"], "pad_mode": case["pad_mode"]}
        out = extract_as(case["kind"], plan, folder, workers=case["workers"], **how)
        assert_same(load(out), one_by_one(plan, **how))


@settings(max_examples=25)
@given(
    end=st.sampled_from([".csv", ".json", ".parquet"]),
    kind=st.sampled_from(list(ENDS)),
    n=st.integers(1, 40),
    seed=st.integers(0, 99),
    ndim=st.integers(2, 3),
)
def test_what_is_extracted_opens_as_tiles_of_the_plan(end, kind, n, seed, ndim):
    """Hand-made patches in any order, with indices of any kind, outside the image in part."""
    rng = np.random.default_rng(seed)
    letters = "zyx"[-ndim:]
    columns = {
        "index": rng.choice(1000, n, replace=False),
        "data_idx": rng.integers(0, 2, n),
        "sample_idx": np.zeros(n),
    }
    columns |= {f"coords_{letter}": rng.integers(0, 20, n) for letter in letters}
    columns |= {f"patch_size_{letter}": np.full(n, 7) for letter in letters}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = np.column_stack(list(columns.values())).astype(int)
        np.savetxt(folder / "t.csv", rows, "%d", ",", header=",".join(columns), comments="")
        images = [make_npy(folder / f"{i}.npy", (20,) * ndim, "u2", i) for i in range(2)]
        fixed = {"name": "fixed", "table": str(folder / "t.csv")}
        patchplan.plan(images, folder / f"p{end}", patching=fixed, axes="ZYX"[-ndim:])
        plan = patchplan.open_plan(folder / f"p{end}")
        out = extract_as(kind, plan, folder)
        index = plan.epoch().index
        tiles = open_tiles([out], index, ndim=ndim, digest=plan.digest)
        assert tiles.present.all()
        assert not len(tiles.duplicates)
        assert (tiles.unplanned, len(tiles.bad), len(tiles.forms)) == (0, 0, 1)
        assert_same(list(tiles.read(np.arange(n))), one_by_one(plan))
        tiles.close()


@pytest.mark.parametrize("kind", ENDS)
def test_whole_images_of_different_shapes(tmp_path, kind):
    """A folder takes them; a stack or an array says that it does not, and how to go on."""
    images = [make_npy(tmp_path / "a.npy", (30, 20), "u1"), make_npy(tmp_path / "b.npy", (20, 30), "u1")]
    patchplan.plan(images, tmp_path / "p.csv", patching={"name": "whole"})
    if kind in ("stack", "array"):
        with pytest.raises(
            patchplan.PatchplanError, match=r"found C Y X 1 x 30 x 20 uint8 in image 0 .*a\.npy.*-o DIR"
        ):
            extract_as(kind, tmp_path / "p.csv", tmp_path)
        assert not list(tmp_path.glob("out*"))
    else:
        out = extract_as(kind, tmp_path / "p.csv", tmp_path)
        assert_same(load(out), one_by_one(patchplan.open_plan(tmp_path / "p.csv")))


def test_images_of_different_dtypes_and_channels_share_a_folder_only(tmp_path):
    images = [
        make_npy(tmp_path / "a.npy", (2, 30, 20), "u1"),
        make_npy(tmp_path / "b.npy", (3, 30, 20), "u1"),
        make_npy(tmp_path / "c.npy", (2, 30, 20), "f4"),
    ]
    patching = {"name": "tiled", "patch_size": 8, "overlaps": 2}
    plans = {}
    for name, chosen in {"channels": images[:2], "dtypes": images[::2], "all": images}.items():
        plans[name] = tmp_path / f"{name}.csv"
        patchplan.plan(chosen, plans[name], patching=patching, axes="CYX")
    with pytest.raises(patchplan.PatchplanError, match=r"2 x 8 x 8 uint8 in image 0 .*3 x 8 x 8 uint8 in image 1"):
        patchplan.extract(plans["channels"], tmp_path / "out.npy")
    with pytest.raises(patchplan.PatchplanError, match=r"2 x 8 x 8 uint8 in image 0 .*2 x 8 x 8 float32 in image 1"):
        patchplan.extract(plans["dtypes"], tmp_path / "out.zarr")
    patchplan.extract(plans["channels"], tmp_path / "out.npy", channels=[1])
    assert_same(load(tmp_path / "out.npy"), one_by_one(patchplan.open_plan(plans["channels"]), channels=[1]))
    result = patchplan.extract(plans["all"], tmp_path / "out")
    assert (result.shape, result.dtype) == (None, None)
    wanted = one_by_one(patchplan.open_plan(plans["all"]))
    assert_same(load(tmp_path / "out"), wanted)
    assert result.bytes == sum(patch.nbytes for patch in wanted)


@pytest.mark.parametrize("kind", ENDS)
def test_epochs_and_plans_without_rows(tmp_path, kind):
    image = make_npy(tmp_path / "a.npy", (50, 60), "i2")
    patching = {"name": "random", "patch_size": 16, "seed": 3}
    patchplan.plan(image, tmp_path / "r.parquet", patching=patching, epochs=3)
    plan = patchplan.open_plan(tmp_path / "r.parquet")
    for epoch in range(3):
        out = extract_as(kind, plan, tmp_path, epoch=epoch, overwrite=epoch > 0)
        assert_same(load(out), one_by_one(plan, epoch=epoch))
    patchplan.plan(image, tmp_path / "t.json", patching={"name": "tiled", "patch_size": 16, "overlaps": 3}, rows=False)
    out = extract_as(kind, tmp_path / "t.json", tmp_path, overwrite=True)
    assert_same(load(out), one_by_one(patchplan.open_plan(tmp_path / "t.json")))


@pytest.mark.parametrize("kind", ["stack", "tif"])
def test_other_images_with_the_same_plan(tmp_path, kind):
    """Masks of another dtype and number of channels, in another format."""
    images = [make_npy(tmp_path / f"{i}.npy", (30 + i, 40), "u2", i) for i in range(2)]
    (tmp_path / "masks").mkdir()
    for i in range(2):
        mask = np.arange((30 + i) * 40 * 3, dtype="f4").reshape(3, 30 + i, 40)
        tifffile.imwrite(tmp_path / "masks" / f"{i}.tif", mask, photometric="minisblack", metadata={"axes": "CYX"})
    patchplan.plan(images, tmp_path / "p.csv", patching={"name": "tiled", "patch_size": 16, "overlaps": 4})
    out = extract_as(kind, tmp_path / "p.csv", tmp_path, images=tmp_path / "masks", channels=[2, 0])
    masks = patchplan.open_images(tmp_path / "masks" / "0.tif") + patchplan.open_images(tmp_path / "masks" / "1.tif")
    wanted = one_by_one(patchplan.open_plan(tmp_path / "p.csv"), channels=[2, 0], images=masks)
    assert_same(load(out), wanted)
    again = extract_as(kind, tmp_path / "p.csv", tmp_path, images=masks, channels=[2, 0], overwrite=True)
    assert_same(load(again), wanted)


@settings(max_examples=20)
@given(
    shape=st.tuples(st.integers(20, 90), st.integers(20, 90)),
    chunks=st.tuples(st.integers(5, 40), st.integers(5, 40)),
    patch=st.integers(2, 50),
    tiff=st.booleans(),
)
def test_chunked_sources(shape, chunks, patch, tiff):
    """Zarr in chunks and TIFF in strips, with patches that reach over the edge."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if tiff:
            image = folder / "a.tif"
            values = np.random.default_rng(0).integers(0, 255, shape).astype("u1")
            tifffile.imwrite(image, values, rowsperstrip=chunks[0], compression="zlib")
        else:
            image = make_zarr(folder / "a.zarr", shape, "f4", chunks)
        patching = {"name": "tiled", "patch_size": patch, "overlaps": patch // 3, "multiple_of": 1}
        patchplan.plan(image, folder / "p.parquet", patching=patching)
        out = extract_as("stack", folder / "p.parquet", folder, pad_mode="reflect")
        assert_same(load(out), one_by_one(patchplan.open_plan(folder / "p.parquet"), pad_mode="reflect"))


@pytest.mark.parametrize(("block", "allowed"), [(16 << 20, 1.0), (20_000, 1.6)], ids=["one box", "many boxes"])
def test_each_chunk_of_a_grid_is_decoded_about_once(tmp_path, monkeypatch, block, allowed):
    """Also where no decoded chunk is kept, and where the tiles are read in boxes that are small."""
    side, chunk = 512, 32
    pixels = np.random.default_rng(0).integers(0, 255, (side, side), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(chunk, chunk), compression="zlib")
    patching = {"name": "tiled", "patch_size": 24, "overlaps": 8}
    patchplan.plan(tmp_path / "a.tif", tmp_path / "p.csv", patching=patching)
    decoded: list[object] = []
    decode = reader.TiffReader._decode

    def counted(self: Any, *args: Any) -> Any:
        decoded.append(args)
        return decode(self, *args)

    monkeypatch.setattr(reader.TiffReader, "_decode", counted)
    monkeypatch.setattr(limits.CACHE, "budget", 0)
    monkeypatch.setattr(cutting, "BLOCK_BYTES", block)
    patchplan.extract(tmp_path / "p.csv", tmp_path / "out.npy", workers=1)
    assert (side // chunk) ** 2 <= len(decoded) <= allowed * (side // chunk) ** 2
