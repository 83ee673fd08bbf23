"""A part of a plan as a plan of its own: the same rows under the same indices."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from patchplan.core.specs import IntArray
from patchplan.errors import PlanError
from patchplan.objects import Location
from patchplan.plans.convert import write_tables
from patchplan.plans.convert_paths import led
from patchplan.plans.epoch import EpochRows
from patchplan.plans.header import Header
from patchplan.plans.plan import Plan
from patchplan.plans.subset_choice import Choice, Finding
from patchplan.plans.subset_numbers import of_array
from patchplan.plans.subset_whole import Whole, whole_of
from patchplan.plans.write import Progress


class Tally:
    """Rows counted by epoch and image."""

    def __init__(self, header: Header) -> None:
        self._epochs = header.epochs
        self._counts = np.zeros((header.epochs or 1, len(header.images)), np.int64)

    def add(self, table: pa.Table) -> None:
        """Count the rows of a table."""
        n_epochs, n_images = self._counts.shape
        place = table.column("data_idx").to_numpy()
        if self._epochs is not None:
            epoch = table.column("epoch").to_numpy()
            if epoch.max(initial=0) >= n_epochs:
                raise PlanError(f"column epoch has {epoch.max()}; the header says that there are {n_epochs} epochs")
            place = place + epoch * n_images
        self._counts += np.bincount(place, minlength=self._counts.size).reshape(self._counts.shape)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self._counts.sum())

    @property
    def epochs(self) -> int | None:
        """Number of epochs, if all have as many rows of each image."""
        return self._epochs if (self._counts == self._counts[0]).all() else None

    @property
    def n_patches(self) -> list[int]:
        """Rows by image, of one epoch where there are epochs."""
        return self.by_image if self.epochs is None else [int(count) for count in self._counts[0]]

    @property
    def by_image(self) -> list[int]:
        """Rows by image, of all epochs."""
        return [int(count) for count in self._counts.sum(axis=0)]


@dataclass(frozen=True)
class Subset:
    """The rows that were chosen: how many by image, and the plan that they are of."""

    tally: Tally
    whole: Whole


def write_choice(
    plan: Plan,
    choice: Choice,
    path: Location | None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Subset:
    """Write the chosen rows as a plan whose tiles belong to the whole plan; without a path, count them.

    The rows are read twice, in bounded memory.

    Raises
    ------
    PlanError
        If there are none, or the plan has no such image, column or index.
    OutputError
        If the file exists already or cannot be written.
    """
    choice.check(plan)
    whole = whole_of(plan)
    tally, finding = Tally(whole.header), Finding(choice)
    for table in choice.rows(plan):
        tally.add(finding.chosen(table))
    finding.check(plan, tally.n_rows)
    if path is not None:
        header = whole.moved(led(plan.root, path.parent)).part(tally.n_patches, tally.epochs)
        again = Finding(choice)
        tables = (again.chosen(table) for table in choice.rows(plan))
        write_tables(path, header, plan.schema, tables, overwrite, progress)
    return Subset(tally, whole)


def write_subset(rows: EpochRows, positions: IntArray, path: Location, *, overwrite: bool = False) -> None:
    """Write the rows of an epoch at these positions as a plan; errors as from `write_choice`."""
    epoch = rows.epoch if "epoch" in rows.plan.schema.names else None
    choice = Choice(split=rows.split, fold=rows.fold, epoch=epoch, index=of_array(np.asarray(rows.index)[positions]))
    write_choice(rows.plan, choice, path, overwrite=overwrite)
