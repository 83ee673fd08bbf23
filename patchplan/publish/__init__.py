"""Writing beside, then moving: nothing half-written stands under the asked name."""

from patchplan.publish.files import check_free, published
from patchplan.publish.growing import Ours, check_folder, published_file, published_folder, zarr_files

__all__ = ["Ours", "check_folder", "check_free", "published", "published_file", "published_folder", "zarr_files"]
