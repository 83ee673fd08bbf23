"""What the tests of splits share: all patches that training may draw, and the judge that counts shared pixels."""

from itertools import product
from typing import Any

import numpy as np
from hypothesis import strategies as st

from patchplan.core.checks import gather_specs
from patchplan.coverage.rows import PlanRows
from patchplan.coverage.splits import plan_splits
from patchplan.patching import FixedPatching, SpecTable, StratifiedPatching
from patchplan.plans.settings.splits import SplitConfig
from tests.coverage.canvas import TablePlan

NAMES = ("train", "validation", "test")


def every_draw(patching: StratifiedPatching) -> list[Any]:
    """All patches that touch included cells only, with p > 0: those that a pass may draw."""
    found = []
    included = patching.get_included_grid_coords()
    for (data_idx, sample_idx), cells in included.items():
        every, size = set(cells), patching.data_shapes[data_idx][2:]
        grid = set(patching.get_all_grid_coords()[data_idx, sample_idx])
        for coords in product(*(range(s - p + 1) for s, p in zip(size, patching.patch_size, strict=True))):
            spans = (range(c // p, -(-(c + p) // p)) for c, p in zip(coords, patching.patch_size, strict=True))
            if grid & set(product(*spans)) <= every:
                spec = {"data_idx": data_idx, "sample_idx": sample_idx}
                found.append({**spec, "coords": coords, "patch_size": patching.patch_size})
    return found


def shared_pixels(data_shapes: Any, splits: dict[str, list[Any]], context: Any) -> int:
    """Pixels that patches of two splits share, each grown by the context and cut to its image."""
    specs = gather_specs([spec for rows in splits.values() for spec in rows])
    names = [name for name, rows in splits.items() for _ in rows]
    found = plan_splits(PlanRows(TablePlan(data_shapes, specs, split=names)), context, 1)
    return sum(leak.pixels for leak in found.leaks)


def by_label(specs: Any, labels: Any) -> dict[str, list[Any]]:
    """Rows by the names of their splits."""
    return {name: [specs[i] for i in np.flatnonzero(labels == number)] for number, name in enumerate(NAMES)}


def fixed_specs(patching: FixedPatching | None) -> SpecTable:
    """The patches of a split that was asked for."""
    assert patching is not None
    return patching.specs


@st.composite
def configs(draw: Any, ndim: int, n: int) -> SplitConfig:
    """Splits into few parts of about `n` patches, with context and blocks of all sizes."""
    asked: dict[str, Any] = {}
    amounts = st.integers(1, max(1, n // 4)) | st.sampled_from([0.05, 0.25, 0.4])
    mode = draw(st.sampled_from(["validation", "test", "both", "folds", "folds and test"]))
    if mode in ("validation", "both"):
        asked["validation"] = draw(amounts)
    if mode in ("test", "both", "folds and test"):
        asked["test"] = draw(amounts)
    if "folds" in mode:
        asked["k_folds"] = draw(st.integers(2, 4))
    per_axis = st.tuples(*[st.integers(0, 3)] * ndim)
    block = st.integers(1, 5) | st.tuples(*[st.integers(1, 3)] * ndim)
    return SplitConfig(
        **asked,
        context=draw(st.just(0) | per_axis),
        block=draw(block),
        seed=draw(st.integers(0, 2**32)),
    )


def amount(asked: float | None, n: int) -> int:
    """As many as are asked of n: a number, or a fraction, half up."""
    if asked is None:
        return 0
    return asked if isinstance(asked, int) else max(1, int(np.floor(asked * n + 0.5)))
