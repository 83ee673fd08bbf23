"""What several files of tests stitch."""

from typing import Any

import numpy as np
import pytest

from patchplan.plans.plan import Plan
from tests.stitching.making import Array, grid, pixels_of, plan_pixels


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> tuple[Any, Array]:
    """A plan of two time points, and float tiles of three channels."""
    folder = tmp_path_factory.mktemp("same")
    plan = plan_pixels(folder, np.zeros((2, 171, 200), "u1"), "TYX", grid([40, 37], [13, 12]))
    rng = np.random.default_rng(0)
    tiles = rng.normal(0, 1, (plan.n_patches, 3, 40, 37)).astype("f4")
    return plan, tiles


@pytest.fixture
def pixels() -> Array:
    """An image of 12 tiles."""
    return pixels_of((30, 40), "u2")


@pytest.fixture
def plan(tmp_path, pixels) -> Plan:
    """A plan of it, in a folder that is otherwise empty."""
    return plan_pixels(tmp_path, pixels, "YX", grid(13, 3))
