"""Stacks: a Zarr group of `tiles` (N C (Z) Y X) and `index` (N).

stack.zarr/tiles    one patch per chunk; chunks of some thousand rows share a shard, so that a million patches
                    are a few hundred files. Of an empty stack each chunk is a file of its own.
stack.zarr/index    the index of each row, -1 where the row is not written
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.core.specs import IntArray
from patchplan.images.zarr.traffic import open_pixels
from patchplan.journal.stamps import Stamp, stamps_before
from patchplan.objects import Location, ObjectPath
from patchplan.publish import zarr_files
from patchplan.publish.documents import files_in, holds, remove_files, write_document
from patchplan.tiles.protocol import TileForm

FORMAT_VERSION = 1
NOT_WRITTEN = -1

ROOT = ("zarr.json",)
"""The documents of the group itself."""

stack_files = zarr_files("tiles|index")
"""Whether a file belongs to a stack, by its path in the stack."""


class StackWriter:
    """Writes rows into a stack, a shard at a time: into a new one, or one that is there and is gone on with."""

    def __init__(
        self,
        folder: Location,
        n: int,
        form: TileForm,
        *,
        rows: int,
        digest: str,
        epoch: int,
        uuid: str,
        threads: int = 1,
    ) -> None:
        """Create arrays in a folder that is there; `rows` per shard, `digest` of the plan, `uuid` of the whole."""
        self._folder, self._n, self._shard = folder, n, min(rows, n)
        self._coordinates = ".0" * len(form.shape)
        self._documents = stack_documents(n, form, rows=rows, digest=digest, epoch=epoch, uuid=uuid)
        _write_documents(folder, {name: self._documents[name] for name in self._documents if name not in ROOT})
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

    def clear(self, start: int, index: IntArray) -> None:
        """Remove the files of these rows: a shard that reaches over the last row would be read before it is written."""
        remove_files(self.files(start, index))

    def files(self, start: int, index: IntArray) -> list[str] | list[ObjectPath]:
        """Return the shards of `tiles` and the chunks of `index` that hold these rows."""
        numbers = range(start // self._shard, -(-(start + len(index)) // self._shard))
        shards = [f"tiles/c.{number}{self._coordinates}" for number in numbers]
        return files_in(self._folder, shards + [f"index/c.{number}" for number in numbers])

    def stamps(self) -> Stamp:
        """Return what lists an object store once, and elsewhere asks for each file."""
        return stamps_before(self._folder)

    def finish(self) -> None:
        """Write the group's own document, by which it becomes a stack."""
        _write_documents(self._folder, {name: self._documents[name] for name in ROOT})

    def close(self) -> None:
        """Let go of the arrays."""
        self._tiles.close()
        self._index.close()


def create_empty_stack(folder: Location, n: int, form: TileForm, *, digest: str, epoch: int) -> None:
    """Create a stack of which no row is written, for predictions.

    Every tile is a file, and every entry of `index`, too (8 bytes, not compressed), so that any number of
    processes may each write `tiles[k]` and then `index[k]` without sharing a file.
    """
    _write_documents(folder, stack_documents(n, form, rows=None, digest=digest, epoch=epoch))


def is_stack_of(folder: Location, n: int, form: TileForm, *, rows: int, digest: str, epoch: int, uuid: str) -> bool:
    """Tell whether a folder is a stack that a writer with these arguments would begin."""
    documents = stack_documents(n, form, rows=rows, digest=digest, epoch=epoch, uuid=uuid)
    return all(holds(folder / name, document) for name, document in documents.items())


def stack_documents(
    n: int, form: TileForm, *, rows: int | None, digest: str, epoch: int, uuid: str | None = None
) -> dict[str, bytes]:
    """Return the metadata of a stack, by path; `rows` per shard, None for a stack whose rows are files of their own."""
    import zarr
    from zarr.codecs import ZstdCodec
    from zarr.storage import MemoryStore

    made: dict[str, Any] = {}
    about: dict[str, Any] = {"version": FORMAT_VERSION, "plan": digest, "epoch": epoch, "axes": _axes(form)}
    if uuid is not None:
        about["uuid"] = uuid
    group = zarr.create_group(MemoryStore(made), zarr_format=3, attributes={"patchplan": about})
    group.create_array(
        "tiles",
        shape=(n, *form.shape),
        chunks=(1, *form.shape),
        shards=None if rows is None else (min(rows, n), *form.shape),
        dtype=form.dtype,
        compressors=ZstdCodec(level=1),
        **_common(_axes(form), 0),
    )
    chunks: dict[str, Any] = {"chunks": (1,), "compressors": None} if rows is None else {"chunks": (min(rows, n),)}
    group.create_array("index", shape=(n,), dtype=np.int64, **chunks, **_common("N", NOT_WRITTEN))
    return {name: document.to_bytes() for name, document in made.items()}


def _write_documents(folder: Location, documents: Mapping[str, bytes]) -> None:
    """Write those that are not there yet, the group's own last; each at once: a killed run leaves none in part."""
    for name in sorted(documents, key=lambda name: name in ROOT):
        write_document(folder / name, documents[name], "00000000")  # always this: what a killed run left is replaced


def _axes(form: TileForm) -> str:
    return "NC" + spatial_axes(len(form.shape) - 1)


def _common(axes: str, fill_value: int) -> dict[str, Any]:
    """Return what the arrays share; with dots in their names all chunks are in one folder."""
    return {
        "fill_value": fill_value,
        "dimension_names": list(axes.lower()),
        "chunk_key_encoding": {"name": "default", "separator": "."},
    }
