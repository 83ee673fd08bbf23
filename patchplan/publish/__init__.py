"""Writing beside, then moving: nothing half-written stands under the asked name."""

from patchplan.publish.clearing import Ours, zarr_files
from patchplan.publish.files import check_free, published
from patchplan.publish.growth import Growth, growing, left_by_others
from patchplan.publish.names import check_folder, partial_of

__all__ = [
    "Growth",
    "Ours",
    "check_folder",
    "check_free",
    "growing",
    "left_by_others",
    "partial_of",
    "published",
    "zarr_files",
]
