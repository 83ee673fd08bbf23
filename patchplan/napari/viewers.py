"""What is open in napari already: plans are drawn to fit the layers of their images."""

import os
import sys
from typing import Any

from patchplan.plans.plan import Plan

Scale = tuple[float, ...]


def open_images(plan: Plan) -> dict[int, Scale]:
    """Return the images of a plan that the viewer shows, and the scale of their last axes; none without a viewer."""
    napari: Any = sys.modules.get("napari")  # nobody but napari itself needs it to be installed
    viewer = None if napari is None else napari.current_viewer()
    if viewer is None:
        return {}
    shown = {_place(layer.source.path): layer for layer in viewer.layers if layer.source.path}
    found = {}
    for data_idx in range(len(plan.images)):
        layer = shown.get(_place(plan.image_path(data_idx)))
        if layer is not None:
            found[data_idx] = tuple(float(one) for one in layer.scale)
    return found


def _place(path: Any) -> str:
    return os.path.realpath(str(path))
