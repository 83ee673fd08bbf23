"""Images with content, patches read one by one, and outputs read back without our own readers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

import patchplan
from patchplan.images import ImageSource
from patchplan.plans.plan import Plan

DTYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16")
ENDS = {"stack": "out.zarr", "array": "out.npy", "npy": "out", "tif": "out"}
"""The name of an output of each kind."""


def pixels(shape: Sequence[int], dtype: str, seed: int = 0) -> NDArray[Any]:
    """Return noise of the whole range of small values, in any byte order."""
    drawn = np.random.default_rng(seed).integers(0, 200, tuple(shape))
    return drawn.astype(dtype)


def make_npy(path: Path, shape: Sequence[int], dtype: str, seed: int = 0) -> Path:
    """Write an image."""
    np.save(path, pixels(shape, dtype, seed))
    return path


def make_zarr(path: Path, shape: Sequence[int], dtype: str, chunks: Sequence[int], seed: int = 0) -> Path:
    """Write an image in chunks."""
    array: Any = zarr.create_array(path, shape=tuple(shape), chunks=tuple(chunks), dtype=dtype)
    array[...] = pixels(shape, dtype, seed)
    return path


def one_by_one(
    plan: Plan,
    *,
    epoch: int = 0,
    channels: Sequence[int] | None = None,
    pad_mode: Any = "constant",
    images: Sequence[ImageSource] | None = None,
) -> list[NDArray[Any]]:
    """Read each patch of an epoch by itself, in the order of the rows."""
    found = []
    for spec in plan.epoch(epoch).specs():
        image = plan.open_image(spec["data_idx"]) if images is None else images[spec["data_idx"]]
        found.append(image.read(spec["sample_idx"], spec["coords"], spec["patch_size"], channels, pad_mode=pad_mode))
    return found


def extract_as(kind: str, plan: Path | Plan, folder: Path, **options: Any) -> Path:
    """Extract as a stack, an array, or a folder of npy or tif."""
    out = folder / ENDS[kind]
    if kind in ("npy", "tif"):
        options["format"] = kind
    patchplan.extract(plan, out, **options)
    return out


def load(out: Path) -> list[NDArray[Any]]:
    """Return all patches of an output: by row, or those of a folder by index."""
    if out.suffix == ".zarr":
        group: Any = zarr.open_group(out, mode="r")
        return list(group["tiles"][...])
    if out.suffix == ".npy":
        return list(np.load(out))
    files = sorted(out.iterdir())
    return [np.load(file) if file.suffix == ".npy" else tifffile.imread(file) for file in files]


def assert_same(found: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]]) -> None:
    """Compare patches: number, shapes, dtypes, pixels."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        assert np.array_equal(one, other)
