"""What several files of these tests need."""

from pathlib import Path
from typing import Any

import patchplan
from patchplan.objects import Location, ObjectPath
from tests.plans.making import files_of

KINDS: dict[str, dict[str, Any]] = {
    "plain.zarr": {"chunks": 64, "shards": "none", "levels": 2},
    "sharded.zarr": {"chunks": 32, "shards": 128, "levels": 2},
    "old.zarr": {"chunks": 64, "ngff": "0.4", "levels": 2},
    "out.ome.tif": {"chunks": 64, "levels": 2},
    "out.npy": {},
}


def stitch(made: Path, output: Location, **options: Any) -> Any:
    return patchplan.stitch(made / "plan.parquet", made / "tiles.zarr", str(output), **(KINDS[output.name] | options))


def objects_of(place: ObjectPath) -> dict[str, bytes]:
    """All objects below a prefix and what is in them."""
    return {name: (place / name).read_bytes() for name, _ in place.listing()}


def local(made: Path, folder: Path, name: str, **options: Any) -> dict[str, bytes]:
    """Return the files of an undisturbed run here."""
    folder.mkdir(exist_ok=True)
    stitch(made, folder / name, **options)
    return files_of(folder)
