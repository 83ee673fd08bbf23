"""A plan: a header and rows, on disk in one of three formats."""

import hashlib
import json
import os
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pyarrow as pa

from patchplan.core.offsets import check_range
from patchplan.core.specs import SpecTable
from patchplan.errors import PlanError
from patchplan.images import ImageInfo, ImageSource, reopen
from patchplan.objects import Location, ObjectPath, location, placed
from patchplan.patching.factory import create_patching
from patchplan.patching.protocol import Patching
from patchplan.plans.epoch import EpochRows
from patchplan.plans.header import Header, ImageRecord
from patchplan.plans.tables.columns import check_rows, schema_of, split_rows, table_schema, to_batch, to_specs
from patchplan.plans.tables.rows import Rows, open_rows
from patchplan.plans.words import SUBSET_OF

BATCH_ROWS = 1 << 18

TEXT = ("split",)


class Plan:
    """Patches or tiles to read, and the images they are of.

    Open one with `open_plan`. Rows are read from the file as they are asked for; a plan saved without rows
    computes them.
    """

    def __init__(self, path: Location, header: Header, rows: Rows, root: Location | None = None) -> None:
        self.path = path
        self.header = header
        self.root = path.parent if root is None else root
        self._rows = rows
        tiles, extra = header.tiles, [] if header.epochs is None else ["epoch"]
        self.schema = (
            schema_of(rows.names, str(path))
            if header.rows and rows.names
            else table_schema(header.ndim, tiles=tiles, extra=extra)
        )

    def check(self) -> None:
        """Refuse a header that contradicts itself, and rows that do not fit its images.

        Rows of a plan larger than one batch are checked when they are read, not here.
        """
        if self.header.is_strategy:
            _ = self.patching
        if self.n_rows <= BATCH_ROWS:
            self.table()

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        """The images, in the order of `data_idx`."""
        return self.header.images

    @property
    def n_patches(self) -> int:
        """Number of patches of one epoch."""
        return self.header.n_patches

    @property
    def n_rows(self) -> int:
        """Number of rows over all epochs."""
        return self.header.n_rows

    @cached_property
    def data_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the images, S C (Z) Y X."""
        return tuple(image.data_shape for image in self.images)

    @cached_property
    def patching(self) -> Patching:
        """The strategy rebuilt from the header; of patches that were given or chosen, the rows of the first epoch."""
        config = dict(self.header.config["patching"])
        if not self.header.is_strategy:
            rows = self.specs() if self.header.epochs is None else self.specs(0, self.n_patches)
            config = {"name": "fixed", "fixed_patch_specs": rows}
        try:
            patching = create_patching(self.data_shapes, config)
        except ValueError as error:
            raise PlanError(f"{self.path}: the strategy cannot be rebuilt: {error}") from None
        counts = [len(patching.get_patch_indices(data_idx)) for data_idx in range(len(self.images))]
        if counts != [image.n_patches for image in self.images]:
            found = f"{patching.n_patches} patches in {len(counts)} images"
            raise PlanError(f"{self.path}: its config gives {found}, which is not what its header says of the images")
        if patching.get_patch_specs(0, 0).is_tiles != self.header.tiles:
            raise PlanError(f"{self.path}: its config and its header disagree whether the patches are tiles")
        return patching

    def image_path(self, data_idx: int) -> Location:
        """Return where an image should be: its uri below the plan's folder, or below `root`, unless it is whole."""
        return placed(self.root, self.images[data_idx].uri)

    def open_image(self, data_idx: int) -> ImageSource:
        """Open an image as it was planned.

        Raises
        ------
        ImageError
            If it is not there, or has other axes, another shape or dtype than when it was planned.
        """
        record = self.images[data_idx].model_dump(exclude={"data_idx", "data_shape", "n_patches"})
        info = ImageInfo(**record, levels=(), notes=())
        z_as_samples = bool(self.header.config.get("z_as_samples"))
        return reopen(info, self.image_path(data_idx), z_as_samples=z_as_samples, ndim=self.header.ndim)

    def table(self, start: int = 0, stop: int | None = None) -> pa.Table:
        """Return the rows [start, stop) as flat columns.

        Raises
        ------
        IndexError
            Unless 0 <= start <= stop <= n_rows.
        PlanError
            If a row is damaged or does not fit its image.
        """
        start, stop = check_range(start, stop, self.n_rows)
        if self.header.rows:
            return check_rows(self._rows.read(start, stop, self.schema), self.data_shapes, str(self.path))
        batch = to_batch(self.patching.get_patch_specs(start, stop), np.arange(start, stop))
        return pa.Table.from_batches([batch], self.schema)

    def specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Return the rows [start, stop) as specs."""
        return to_specs(self.table(start, stop))

    def batches(self, size: int = BATCH_ROWS, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
        """Return the rows [start, stop), all by default, in pieces of at most `size`."""
        start, stop = check_range(start, stop, self.n_rows)
        if not self.header.rows:
            return (self.table(begin, end) for begin, end in split_rows(start, stop, size))
        pieces = self._rows.pieces(size, self.schema, start, stop)
        return (check_rows(piece, self.data_shapes, str(self.path)) for piece in pieces)

    def epoch(self, epoch: int = 0, *, split: str | None = None, fold: int | None = None) -> EpochRows:
        """Return the rows of one epoch, all or those of a split and a fold; PlanError where there are none such."""
        return EpochRows(self, epoch, split=split, fold=fold)

    @cached_property
    def digest(self) -> str:
        """Hash of what the plan plans: equal for the same patches of images of the same shapes, in any format.

        Tiles record it, so that those of another plan are noticed. Images' names and places are not in it. A part
        of a plan has the digest of the whole: its tiles are tiles of the whole.
        """
        header = self.header
        if isinstance(whole := header.config.get(SUBSET_OF), str):
            return whole
        patching = {key: value for key, value in header.config["patching"].items() if key != "table"}
        shapes = [list(shape) for shape in self.data_shapes]
        facts = [patching, shapes, header.n_patches, header.n_rows, header.tiles, header.epochs]
        hashed = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        if not header.is_strategy:
            columns = {name: hashlib.sha256() for name in self.schema.names if name not in TEXT}
            for batch in self.batches():
                for name, column in columns.items():
                    column.update(batch.column(name).to_numpy().tobytes())
            for name, column in columns.items():
                hashed.update(name.encode() + column.digest())
        return hashed.hexdigest()[:32]

    def __len__(self) -> int:
        return self.n_rows


class OneEpoch(Plan):
    """The rows of one epoch as a plan, for whoever counts all rows of a plan."""

    def __init__(self, rows: EpochRows) -> None:
        plan = rows.plan
        header = plan.header.model_copy(update={"epochs": None, "n_rows": rows.n})
        super().__init__(plan.path, header, plan._rows, plan.root)
        self._epoch_rows = rows

    def batches(self, size: int = BATCH_ROWS, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
        """Return rows of the epoch by position, in pieces of at most `size`."""
        return self._epoch_rows.tables(size, start, stop)


def open_plan(
    path: str | os.PathLike[str] | ObjectPath, root: str | os.PathLike[str] | ObjectPath | None = None
) -> Plan:
    """Open a plan.

    Parameters
    ----------
    path : path or URL
        A .parquet, .csv or .json file that `patchplan plan` wrote.
    root : path or URL, optional
        Folder that the images' relative paths start from; the plan's folder by default.

    Raises
    ------
    PlanError
        If the file is missing, no plan, of another schema version or damaged.
    """
    if not isinstance(path, str | os.PathLike | ObjectPath):
        raise PlanError(f"found {path!r} as plan; allowed: the path of a plan, or a Plan")
    path = location(path)
    rows = open_rows(path)
    if rows.header is None:
        raise PlanError(
            f"{path}: a table without a header, so no plan; make it one with "
            "patchplan plan INPUT... --strategy fixed --table"
        )
    if rows.n_rows != (rows.header.n_rows if rows.header.rows else 0):
        raise PlanError(f"{path}: found {rows.n_rows} rows, but the header says {rows.header.n_rows}")
    plan = Plan(path, rows.header, rows, None if root is None else location(root))
    plan.check()
    return plan
