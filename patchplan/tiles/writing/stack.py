"""Stacks: a Zarr group of `tiles` (N C (Z) Y X) and `index` (N).

stack.zarr/tiles    one patch per chunk; chunks of some thousand rows share a shard, so that a million patches
                    are a few hundred files. Of an empty stack each chunk is a file of its own.
stack.zarr/index    the index of each row, -1 where the row is not written
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.core.specs import IntArray
from patchplan.images.zarr.traffic import open_pixels
from patchplan.publish import zarr_files
from patchplan.tiles.protocol import TileForm

if TYPE_CHECKING:
    from zarr import Group

FORMAT_VERSION = 1
NOT_WRITTEN = -1

stack_files = zarr_files("tiles|index")
"""Whether a file belongs to a stack, by its path in the stack."""


class StackWriter:
    """Writes rows into a new stack, a shard at a time."""

    def __init__(
        self, folder: Path, n: int, form: TileForm, *, rows: int, digest: str, epoch: int, threads: int = 1
    ) -> None:
        """Create the stack in a folder that is there; `rows` per shard, `digest` of the plan."""
        group = _create_group(folder, form, digest, epoch)
        rows = min(rows, n)
        self._n, self._shard = n, rows
        _create_tiles(group, n, form, shard=rows)
        group.create_array("index", shape=(n,), chunks=(rows,), dtype=np.int64, **_common("N", NOT_WRITTEN))
        self._tiles = open_pixels(folder, "tiles", version=3, threads=threads, write=True)
        self._index = open_pixels(folder, "index", version=3, threads=threads, write=True)

    def write(self, start: int, index: IntArray, tiles: NDArray[Any]) -> None:
        """Write whole shards, or those that end the stack."""
        stop = start + len(tiles)
        if start % self._shard or (stop % self._shard and stop != self._n):
            # two threads that write parts of one shard would each undo what the other did
            raise AssertionError(f"rows {start} to {stop} are no whole shards of {self._shard} rows")
        rows = slice(start, stop)
        self._tiles.write((rows, *(slice(0, n) for n in tiles.shape[1:])), tiles)
        self._index.write((rows,), np.ascontiguousarray(index))

    def close(self) -> None:
        """Let go of the arrays."""
        self._tiles.close()
        self._index.close()


def create_empty_stack(folder: Path, n: int, form: TileForm, *, digest: str, epoch: int) -> None:
    """Create a stack of which no row is written, for predictions.

    Every tile is a file, and every entry of `index`, too (8 bytes, not compressed), so that any number of
    processes may each write `tiles[k]` and then `index[k]` without sharing a file.
    """
    group = _create_group(folder, form, digest, epoch)
    _create_tiles(group, n, form, shard=None)
    group.create_array("index", shape=(n,), chunks=(1,), dtype=np.int64, **_common("N", NOT_WRITTEN), compressors=None)


def _create_group(folder: Path, form: TileForm, digest: str, epoch: int) -> "Group":
    import zarr

    about = {"version": FORMAT_VERSION, "plan": digest, "epoch": epoch, "axes": _axes(form)}
    return zarr.create_group(folder, zarr_format=3, attributes={"patchplan": about})


def _create_tiles(group: "Group", n: int, form: TileForm, shard: int | None) -> None:
    from zarr.codecs import ZstdCodec

    group.create_array(
        "tiles",
        shape=(n, *form.shape),
        chunks=(1, *form.shape),
        shards=None if shard is None else (shard, *form.shape),
        dtype=form.dtype,
        compressors=ZstdCodec(level=1),
        **_common(_axes(form), 0),
    )


def _axes(form: TileForm) -> str:
    return "NC" + spatial_axes(len(form.shape) - 1)


def _common(axes: str, fill_value: int) -> dict[str, Any]:
    """Return what the arrays share; with dots in their names all chunks are in one folder."""
    return {
        "fill_value": fill_value,
        "dimension_names": list(axes.lower()),
        "chunk_key_encoding": {"name": "default", "separator": "."},
    }
