"""What is no tiles, or tiles of something else, is refused with what was found and what is allowed."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from patchplan.errors import TilesError
from tests.tiles.making import DIGEST, opened, pixels, read_all, write_array, write_stack

N = 4
OTHER = "e7" * 32


def _pickled(path: Path) -> Path:
    path = path.with_suffix(".npy")
    np.save(path, np.array([{}, []], object), allow_pickle=True)
    return path


def _structured(path: Path) -> Path:
    path = path.with_suffix(".npy")
    np.save(path, np.zeros((N, 1, 3, 3), "u1,f4"))
    return path


def _npy(**how: Any) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path = path.with_suffix(".npy")
        np.save(path, pixels(how.get("n", N), how.get("shape", (1, 3, 3))))
        text = path.read_bytes()
        for old, new in how.get("edit", {}).items():
            text = text.replace(old, new)
        path.write_bytes(text[: how.get("cut")])
        return path

    return write


def _bare(n: int = N, shape: tuple[int, ...] = (1, 3, 3)) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        write_array(path, pixels(n, shape))
        return path

    return write


def _stack(index: Any = range(N), **how: Any) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        write_stack(path, pixels(N, how.pop("shape", (1, 3, 3))), index, **how)
        return path

    return write


def _float_index(path: Path) -> Path:
    _stack()(path)
    zarr.create_array(path / "index", data=np.zeros(N), overwrite=True)
    return path


def _text(path: Path) -> Path:
    zarr.create_array(path, data=np.zeros((N, 1, 3, 3), "S3"), zarr_format=2)
    return path


def _group(path: Path) -> Path:
    zarr.open_group(path, mode="w").create_array("0", data=np.zeros((3, 3)))
    return path


def _empty_folder(path: Path) -> Path:
    path = path.with_suffix(".zarr")
    path.mkdir()
    return path


def _other_file(path: Path) -> Path:
    path = path.with_suffix(".tif")
    path.write_bytes(b"II*\0")
    return path


def _no_json(path: Path) -> Path:
    path.mkdir()
    (path / "zarr.json").write_text("{")
    return path


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing there": (lambda path: path, r"tiles: no such file or folder"),
    "a file of another kind": (_other_file, r"tiles\.tif: is no tiles; allowed are a Zarr stack"),
    "a folder that should be a store": (_empty_folder, r"tiles\.zarr: is no Zarr store: it has no metadata"),
    "a store with broken metadata": (_no_json, r"tiles: zarr\.json is no JSON"),
    "a group that is no stack": (_group, r"tiles: is a Zarr group, but no stack of tiles: it must have arrays"),
    "text instead of numbers": (_text, r"tiles: pixels of type '\|S3' are not supported"),
    "pickled objects": (_pickled, r"tiles\.npy: holds pickled Python objects, which are never loaded"),
    "structures": (_structured, r"tiles\.npy: holds no numbers, but \[\('f0'"),
    "npy: too many rows": (_npy(n=5), r"tiles\.npy: has 5 tiles, the plan 4"),
    "npy: no channels": (_npy(shape=(3, 3)), r"tiles have shape \(4, 3, 3\); allowed are 4 axes, N C Y X"),
    "npy: truncated": (_npy(cut=150), r"tiles\.npy: is truncated: 150 bytes, \(4, 1, 3, 3\) uint16 needs 200"),
    "npy: cut in its header": (_npy(cut=9), r"tiles\.npy: is broken or not a \.npy file"),
    "npy: a negative shape": (_npy(edit={b"(4, 1, 3, 3)": b"(4, 1, -3,3)"}), r"shape \(4, 1, -3, 3\) makes no sense"),
    "npy: no shape": (_npy(edit={b"'shape'": b"'shop_'"}), r"its header makes no sense"),
    "npy: code for a header": (_npy(edit={b"'<u2'": b"f(1) "}), r"its header makes no sense"),
    "npy: a header of megabytes": (_npy(edit={b"NUMPY\x01\0v\0": b"NUMPY\x02\0\0\0\x90\0"}), r"its header claims 9,43"),
    "bare: too few rows": (_bare(n=3), r"tiles: has 3 tiles, the plan 4; in an array without index row k is row k"),
    "bare: too many axes": (_bare(shape=(1, 2, 3, 3)), r"tiles have shape \(4, 1, 2, 3, 3\); allowed are 4 axes"),
    "stack: no channels": (_stack(shape=(3, 3)), r"tiles have shape \(4, 3, 3\); allowed are 4 axes, N C Y X"),
    "stack: another length of index": (_stack(range(3)), r"`index` has shape \(3,\), `tiles` has 4 rows"),
    "stack: an index of floats": (_float_index, r"`index` has dtype float64; allowed are integers"),
    "stack: another plan": (
        _stack(made_for={"plan": OTHER, "epoch": 0}),
        rf"tiles: is of another plan: it records {OTHER[:16]}, this plan is {DIGEST[:16]}",
    ),
    "stack: another epoch": (
        _stack(made_for={"plan": DIGEST, "epoch": 3}),
        r"tiles: is of epoch 3, asked for is epoch 0; say so with --epoch 3",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name: str, tmp_path: Path) -> None:
    write, message = REFUSED[name]
    path = write(tmp_path / "tiles")
    with pytest.raises(TilesError, match=message) as error:
        opened(path, range(N))
    assert "\n" not in str(error.value)
    assert str(error.value).count(str(path)) == 1


def test_pickles_are_not_loaded(tmp_path: Path) -> None:
    class Loud:
        def __reduce__(self) -> Any:
            return (exit, (3,))

    text = pickle.dumps(Loud())
    (tmp_path / "a.npy").write_bytes(
        b"\x93NUMPY\x01\0v\0" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n" + text
    )
    with pytest.raises(TilesError, match="never loaded"):
        opened(tmp_path / "a.npy", range(1))


def test_number_of_places_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(TilesError, match="0 places of tiles given; allowed are 1 to 127"):
        opened([], range(N))


def test_stack_that_records_nothing_is_taken(tmp_path: Path) -> None:
    for number, made_for in enumerate(({}, {"axes": "NCYX"}, "text")):
        write_stack(tmp_path / f"{number}.zarr", pixels(N), range(N), made_for=made_for)
        assert len(read_all(opened(tmp_path / f"{number}.zarr", range(N)))) == N


def test_old_headers_are_read(tmp_path: Path) -> None:
    data = pixels(N)
    np.save(tmp_path / "a.npy", data)
    text = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(text.replace(b"(4, 2, 8, 6), }    ", b"(4L, 2L, 8L, 6L), }"))
    np.testing.assert_array_equal(read_all(opened(tmp_path / "a.npy", range(N))), data)
    with (tmp_path / "b.npy").open("wb") as file:
        np.lib.format.write_array(file, data, version=(3, 0))
    np.testing.assert_array_equal(read_all(opened(tmp_path / "b.npy", range(N))), data)


def test_plan_without_tiles(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((0, 1, 3, 3)))
    assert read_all(opened(tmp_path / "a.npy", range(0))) == []
    write_stack(tmp_path / "a.zarr", pixels(N), range(N))
    assert opened(tmp_path / "a.zarr", range(0)).unplanned == N
