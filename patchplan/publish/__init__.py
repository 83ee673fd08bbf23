"""Writing beside, then moving: nothing half-written stands under the asked name."""

from patchplan.publish.clearing import Ours, zarr_files
from patchplan.publish.files import check_free, published
from patchplan.publish.growth import Growth, check_folder, checksums_of, growing, partial_of

__all__ = [
    "Growth",
    "Ours",
    "check_folder",
    "check_free",
    "checksums_of",
    "growing",
    "partial_of",
    "published",
    "zarr_files",
]
