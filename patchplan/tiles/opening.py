"""Tiles on disk, of whatever kind."""

from collections.abc import Sequence

from patchplan.core.specs import IntArray
from patchplan.errors import TilesError
from patchplan.images.paths import is_zarr_folder
from patchplan.objects import Location, ObjectPath
from patchplan.publish.names import is_stopped
from patchplan.tiles.folder import FolderTiles
from patchplan.tiles.npy import NpyTiles
from patchplan.tiles.places import Places
from patchplan.tiles.protocol import TileForm, Tiles
from patchplan.tiles.reading import opening
from patchplan.tiles.several import SeveralTiles
from patchplan.tiles.stack import open_zarr
from patchplan.tiles.words import AbsentChunks

CACHE_BYTES = 64 << 20
MAX_PLACES = 127
"""Stacks, arrays and folders whose tiles are taken as one."""


def open_tiles(
    paths: Sequence[Location],
    index: range | IntArray,
    *,
    ndim: int,
    digest: str,
    epoch: int = 0,
    absent_chunks: AbsentChunks = "missing",
    later_wins: bool = False,
    threads: int = 1,
    cache_bytes: int = CACHE_BYTES,
    form: TileForm | None = None,
) -> Tiles:
    """Open the tiles of one epoch of a plan.

    Parameters
    ----------
    paths : sequence of Location
        Stacks (Zarr), arrays (Zarr, `.npy`) or folders of `.npy` and `.tif`, as many as there are.
    index : range or int array
        Index of each row of the plan.
    ndim : int
        Number of spatial axes of the plan.
    digest, epoch
        Of the plan; what a stack records of them must agree.
    absent_chunks : {"missing", "zeros"}
        What an absent chunk of a Zarr array without `index` is.
    later_wins : bool
        Of a tile in two of `paths` take the later one; else it is a duplicate.
    threads : int
        Threads that decode.
    cache_bytes : int
        Decoded chunks of Zarr arrays that are kept, beyond what readers hold.
    form : TileForm, optional
        What all tiles are, where it is known: files of a folder are not looked at before they are read.

    Raises
    ------
    TilesError
        If something is no tiles, of another plan or epoch, or has other axes or another number.
    """
    places = Places(index)
    if not 1 <= len(paths) <= MAX_PLACES:
        raise TilesError(f"{len(paths)} places of tiles given; allowed are 1 to {MAX_PLACES}")

    def one(path: Location) -> Tiles:
        is_store = path.suffix.lower() == ".zarr" or is_zarr_folder(path)
        if not (is_store and isinstance(path, ObjectPath)) and path.is_file():
            return _array(path, places, ndim)
        if not path.exists() and not (is_store and isinstance(path, ObjectPath)):  # of which the web lists nothing
            raise TilesError(f"{path}: no such file or folder; patchplan extract makes tiles")
        if not is_store:
            if isinstance(path, ObjectPath) and path.can_list and is_stopped(path):
                raise TilesError(f"{path}: is not complete: the run that writes it has not ended, or was stopped")
            return FolderTiles(path, places, ndim, threads, form)
        return open_zarr(
            path,
            places,
            ndim=ndim,
            digest=digest,
            epoch=epoch,
            absent_chunks=absent_chunks,
            threads=threads,
            cache_bytes=cache_bytes,
        )

    members: list[Tiles] = []
    try:
        for path in paths:
            with opening(path):
                members.append(one(path))
        return members[0] if len(members) == 1 else SeveralTiles(members, index, later_wins=later_wins)
    except BaseException:
        for member in members:
            member.close()
        raise


def _array(path: Location, places: Places, ndim: int) -> NpyTiles:
    if path.suffix.lower() != ".npy":
        raise TilesError(f"{path}: is no tiles; allowed are a Zarr stack or array, a .npy array, or a folder of files")
    return NpyTiles(path, places, ndim)
