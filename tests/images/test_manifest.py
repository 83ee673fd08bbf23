"""Real files with known axes, shape, dtype and pixels: `../shared/images`, beside the repository."""

import ast
import csv
import hashlib
from math import prod
from pathlib import Path

import numpy as np
import pytest

from patchplan.errors import ImageError
from patchplan.images import ImageSource, open_image, open_images
from tests.images.whole import check_regions, in_file_order

IMAGES = Path(__file__).parents[3] / "shared" / "images"


def _rows() -> list[dict[str, str]]:
    if not (IMAGES / "MANIFEST.tsv").exists():
        return []
    with (IMAGES / "MANIFEST.tsv").open() as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


ROWS = _rows()
REFUSED = {
    "ome-zarr 0.6.dev3 (zarr v3)": r"version 0\.6\.dev3 is unsupported; supported are 0\.1, ",
    "BROKEN": r".",
}
COLLECTIONS = ("ome-zarr plate", "ome-zarr well")


def _ids() -> list[str]:
    return [row["file"] for row in ROWS]


def _open(row: dict[str, str]) -> ImageSource:
    """Open a file of the manifest; plain 3-D arrays need axes."""
    path = IMAGES / row["file"]
    plain = row["format"].endswith("array") and len(ast.literal_eval(row["shape"])) == 3
    if plain:
        with pytest.raises(ImageError, match="say what they are, for example --axes ZYX"):
            open_image(path)
    return open_image(path, axes="ZYX" if plain else None)


@pytest.mark.skipif(not ROWS, reason="no ../shared/images beside the repository")
@pytest.mark.parametrize("row", ROWS, ids=_ids())
def test_file_is_read_as_the_manifest_says(row: dict[str, str]) -> None:
    if row["format"].startswith(COLLECTIONS):
        _check_collection(row)
    elif row["format"] in REFUSED or row["read"] == "EMPTY" or row["shape"] == "(1,)":
        with pytest.raises(
            ImageError, match=REFUSED.get(row["format"], r"has size 0|at least Y and X|storage transformers")
        ) as error:
            open_image(IMAGES / row["file"])
        _check_message(error.value, row)
    elif row["read"].startswith("FAIL"):
        with pytest.raises(ImageError, match=r"cannot be|is truncated") as error:
            in_file_order(_open(row))
        _check_message(error.value, row)
    else:
        _check_image(_open(row), row)


def _check_message(error: ImageError, row: dict[str, str]) -> None:
    text = str(error)
    assert "\n" not in text
    assert text.count(row["file"]) == 1
    assert len(text) < len(str(IMAGES)) + len(row["file"]) + 300


def _check_collection(row: dict[str, str]) -> None:
    path = IMAGES / row["file"]
    with pytest.raises(ImageError, match=r"is a collection of \d images; open one of .*/0") as error:
        open_image(path)
    assert "\n" not in str(error.value)
    fields = open_images(path)
    members = {other["file"]: other for other in ROWS if other["file"].startswith(row["file"] + "/")}
    for source in fields:
        name = Path(source.uri).relative_to(IMAGES).as_posix()
        assert source.shape == ast.literal_eval(members[name]["shape"])


def _check_image(source: ImageSource, row: dict[str, str]) -> None:
    declared = row["axes"].replace(",", "").upper().replace("S", "C")
    if row["format"].endswith("array"):
        declared = source.axes
    assert source.axes == (declared or "TCZYX")
    assert source.shape == ast.literal_eval(row["shape"])
    assert source.dtype == np.dtype(row["dtype"])
    if row["levels"] not in ("", "1"):
        assert " ".join(map(str, source.info.levels)) == row["levels"]
    assert source.data_shape[0] * prod(source.data_shape[1:]) == prod(source.shape)
    if row["read"] == "ok":
        pixels = in_file_order(source)
        assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == row["sha256_16"]
        check_regions(source, n=2)
    else:
        check_corner(source)


def check_corner(source: ImageSource) -> None:
    """A file too big to be read whole: its last pixels, and as many outside."""
    start = tuple(size - 8 for size in source.data_shape[2:])
    inside = source.read(0, start, (8, 8))
    outside = source.read(0, start, (16, 16))
    np.testing.assert_array_equal(outside[:, :8, :8], inside)
    assert not outside[:, 8:].any()
