"""Which rows of a plan are chosen: conditions that must all be true."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from patchplan.core.amounts import whole_number
from patchplan.core.axes import spatial_axes
from patchplan.errors import ConfigError, PlanError
from patchplan.patching.problems import ConfigProblemsError
from patchplan.plans.epoch import MAX_NAMED
from patchplan.plans.plan import BATCH_ROWS, Plan
from patchplan.plans.settings.sections import parse_section
from patchplan.plans.subset_numbers import Given, Numbers, parse_numbers
from patchplan.plans.tables.columns import flat_names, split_rows

Box = tuple[int, ...]
"""Start and stop of each axis, as in the section `regions`: y0, x0, y1, x1 or z0, y0, x0, z1, y1, x1."""


@dataclass(frozen=True)
class Choice:
    """Rows by image, split, fold, epoch, index, index among those of absent tiles, and box; None for any.

    Patches are chosen by a box if they share a pixel with it.
    """

    images: Numbers | None = None
    split: str | None = None
    fold: int | None = None
    epoch: int | None = None
    index: Numbers | None = None
    absent: Numbers | None = None
    box: Box | None = None

    def check(self, plan: Plan) -> None:
        """Raise PlanError if a plan has no such image, column or axes."""
        n = len(plan.images)
        if self.images is not None and self.images.stop[-1] > n:
            raise PlanError(f"--image: found {self.images.stop[-1] - 1}; {plan.path} has images 0 to {n - 1}")
        for name in ("split", "fold", "epoch"):
            value = getattr(self, name)
            if value is not None and name not in plan.schema.names:
                raise PlanError(f"--{name}: found {value!r}; {plan.path} has no column {name}")
        if self.box is not None and len(self.box) != 2 * plan.header.ndim:
            letters = ", ".join(f"{one}{end}".lower() for end in "01" for one in spatial_axes(plan.header.ndim))
            raise PlanError(f"--box: found {len(self.box)} numbers; {plan.path} is {plan.header.ndim}-D: {letters}")

    def conditions(self) -> dict[str, Callable[[pa.Table], NDArray[np.bool_]]]:
        """Return what tells of the rows of a table whether they are chosen, by option."""
        found: dict[str, Callable[[pa.Table], NDArray[np.bool_]]] = {}
        sets = {"--image": self.images, "--index": self.index, "--missing": self.absent}
        for option, numbers in sets.items():
            if numbers is not None:
                found[option] = _holding(numbers, "data_idx" if option == "--image" else "index")
        for name in ("split", "fold", "epoch"):
            value = getattr(self, name)
            if value is not None:
                found[f"--{name}"] = _equal(name, value)
        if self.box is not None:
            found["--box"] = _meeting(self.box)
        return found

    def rows(self, plan: Plan) -> Iterator[pa.Table]:
        """Yield the rows that may be chosen; of rows that are computed, only pieces that hold some."""
        if plan.header.rows:
            yield from plan.batches()
            return
        spans: Iterator[Any] = (plan.patching.get_patch_indices(i) for i in range(len(plan.images)))
        wanted = [span for i, span in enumerate(spans) if len(span) and self.images and self.images.meet(i, i + 1)]
        listed = [numbers for numbers in (self.index, self.absent) if numbers is not None]
        for start, stop in split_rows(0, plan.n_rows, BATCH_ROWS):
            inside = self.images is None or any(span[0] < stop and span[-1] >= start for span in wanted)
            if inside and all(numbers.meet(start, stop) for numbers in listed):
                yield plan.table(start, stop)


def choose(
    *,
    images: Given | int | None = None,
    split: str | None = None,
    fold: int | None = None,
    epoch: int | None = None,
    index: Given | None = None,
    box: str | Sequence[int] | None = None,
) -> Choice:
    """Return a choice from what users give: numbers as `3,7,20:30`, a box as `y0,x0,y1,x1` or sequences.

    Raises
    ------
    ConfigError
        For a value that makes no sense.
    """
    if images is not None and not isinstance(images, str):
        images = images if isinstance(images, Sequence | np.ndarray) else [images]
    return Choice(
        images=None if images is None else parse_numbers("--image", images),
        split=split,
        fold=None if fold is None else whole_number("--fold", fold),
        epoch=None if epoch is None else whole_number("--epoch", epoch),
        index=None if index is None else parse_numbers("--index", index),
        box=None if box is None else _box(box),
    )


class Finding:
    """What the conditions of a choice find in rows, so that a user hears which of them finds nothing."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self._conditions = choice.conditions()
        self._found = dict.fromkeys(self._conditions, 0)
        self._there: dict[str, set[Any]] = {"split": set(), "fold": set(), "epoch": set()}
        single = np.empty(0, np.int64) if choice.index is None else choice.index.single
        self._unseen = single

    def chosen(self, table: pa.Table) -> pa.Table:
        """Return the chosen rows of a table."""
        masks = {option: condition(table) for option, condition in self._conditions.items()}
        for option, mask in masks.items():
            self._found[option] += int(mask.sum())
        for name, values in self._there.items():
            if f"--{name}" in masks:
                values |= set(table.column(name).unique().to_pylist())
        if len(self._unseen):
            self._unseen = self._unseen[~np.isin(self._unseen, table.column("index").to_numpy())]
        return table.filter(pa.array(reduce(np.logical_and, masks.values()))) if masks else table

    def check(self, plan: Plan, n: int) -> None:
        """Raise PlanError if an index is not there, or `n` rows are none."""
        if len(self._unseen):
            named = ", ".join(map(str, self._unseen[:MAX_NAMED].tolist()))
            more = f" and {len(self._unseen) - MAX_NAMED:,} more" if len(self._unseen) > MAX_NAMED else ""
            raise PlanError(f"--index: {plan.path} has no index {named}{more}")
        if n:
            return
        for name, there in self._there.items():
            if there and not self._found[f"--{name}"]:
                named = ", ".join(str(one) for one in sorted(there)[:MAX_NAMED])
                raise PlanError(f"--{name}: found {getattr(self._choice, name)!r}; {plan.path} has {named}")
        each = ", ".join(f"{option} {found:,}" for option, found in self._found.items())
        raise PlanError(f"{plan.path}: the subset would be empty: rows found by {each}, together none")


def _holding(numbers: Numbers, column: str) -> Callable[[pa.Table], NDArray[np.bool_]]:
    return lambda table: numbers.hold(table.column(column).to_numpy())


def _equal(column: str, value: str | int) -> Callable[[pa.Table], NDArray[np.bool_]]:
    import pyarrow.compute as pc

    return lambda table: pc.equal(table.column(column), value).to_numpy()


def _meeting(box: Box) -> Callable[[pa.Table], NDArray[np.bool_]]:
    ndim = len(box) // 2

    def meets(table: pa.Table) -> NDArray[np.bool_]:
        found = np.ones(len(table), bool)
        pairs = zip(flat_names("coords", ndim), flat_names("patch_size", ndim), strict=True)
        for axis, (begin, size) in enumerate(pairs):
            start = table.column(begin).to_numpy()
            found &= (start < box[ndim + axis]) & (start + table.column(size).to_numpy() > box[axis])
        return found

    return meets


def _box(given: str | Sequence[int]) -> Box:
    numbers: Any = given
    if isinstance(given, str):
        numbers = [int(entry) if entry.strip().isdecimal() else entry for entry in given.split(",")]
    try:
        section: Any = parse_section("regions", {"boxes": [numbers]})
    except ConfigProblemsError as error:
        raise ConfigError(f"--box: {error.problems[0].text}") from None
    box: Box = section.boxes[0]
    return box
