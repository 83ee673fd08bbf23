"""Which of the images that were found a plan takes, and with how many spatial axes."""

from collections.abc import Sequence

from patchplan.core.axes import spatial_axes
from patchplan.core.shapes import PerAxis, per_axis
from patchplan.errors import ImageError, ShapeError
from patchplan.images import ImageSource


def check_names(sources: Sequence[ImageSource]) -> None:
    """Raise ImageError unless every path is valid UTF-8: a header could not hold it."""
    for source in sources:
        try:
            source.uri.encode()
        except UnicodeEncodeError:
            shown = ascii(source.uri)
            raise ImageError(
                f"{shown}: the file name is not valid UTF-8, so a plan cannot name it; rename the file"
            ) from None


def same_ndim(sources: Sequence[ImageSource], ndim: int | None) -> list[ImageSource]:
    """Return all images with `ndim` spatial axes; without a wish, 3 if one of them has Z > 1, else 2.

    Raises
    ------
    ImageError
        If an image cannot be read so.
    """
    if ndim is None:
        ndim = max(source.ndim for source in sources)
        flat = [i for i, source in enumerate(sources) if "Z" not in source.axes]
        if ndim == 3 and flat:
            deep = next(i for i, source in enumerate(sources) if source.ndim == 3)
            raise ImageError(
                f"image {flat[0]} ({sources[flat[0]].uri}) is 2-D, image {deep} ({sources[deep].uri}) is 3-D; "
                "2-D and 3-D images cannot share a plan. Plan them apart, or read Z as samples with --z-as-samples"
            )
    return [source.with_ndim(ndim) for source in sources]


def large_enough(sources: Sequence[ImageSource], patch_size: PerAxis) -> tuple[list[ImageSource], list[str]]:
    """Return the images at least as large as a patch, and why the others are left out.

    Raises
    ------
    ShapeError
        If none is left.
    """
    sizes = per_axis("patch_size", patch_size, sources[0].ndim, minimum=1)
    kept, skipped = [], []
    for data_idx, source in enumerate(sources):
        small = [
            f"{letter} is {size}, smaller than patch_size {patch}"
            for letter, size, patch in zip(spatial_axes(len(sizes)), source.data_shape[2:], sizes, strict=True)
            if size < patch
        ]
        if small:
            skipped.append(f"image {data_idx} ({source.uri}): {', '.join(small)}")
        else:
            kept.append(source)
    if not kept:
        raise ShapeError(f"--skip-small leaves no image: all {len(skipped)} are smaller than the patch; {skipped[0]}")
    return kept, skipped
