"""Writing beside, then moving: nothing half-written stands under the asked name."""

from patchplan.publish.clearing import Ours, zarr_files
from patchplan.publish.files import check_free, published, resolved
from patchplan.publish.growing import check_output, clear, growing, left_by_others, written_at
from patchplan.publish.names import check_folder, is_stopped, partial_of
from patchplan.publish.protocol import Growth

__all__ = [
    "Growth",
    "Ours",
    "check_folder",
    "check_free",
    "check_output",
    "clear",
    "growing",
    "is_stopped",
    "left_by_others",
    "partial_of",
    "published",
    "resolved",
    "written_at",
    "zarr_files",
]
