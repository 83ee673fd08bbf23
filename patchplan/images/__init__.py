"""Sources of images: open without reading pixels, read by region."""

from patchplan.images.discover import find_images
from patchplan.images.info import ImageInfo
from patchplan.images.many import Found, open_all
from patchplan.images.opening import open_image, open_images, reopen
from patchplan.images.source import ImageSource

__all__ = ["Found", "ImageInfo", "ImageSource", "find_images", "open_all", "open_image", "open_images", "reopen"]
