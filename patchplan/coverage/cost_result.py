"""What `inspect` returns of what a plan costs to read, and of what its splits share."""

from typing import Literal

from patchplan.coverage.boxes import Frozen, PlacedBox


class OrderCost(Frozen):
    """What reading patches in one order loads through the cache.

    `chunks` and `bytes` are loaded, decoded, for `bytes_wanted`; `amplification` is the one by the other, null
    where nothing is wanted. `at_most` where less may be loaded: of a sample, of which it is not known what the
    cache holds before it.
    """

    chunks: int
    bytes: int
    bytes_wanted: int
    amplification: float | None
    at_most: bool


class ChunksPerPatch(Frozen):
    """Chunks that a patch touches, those of all channels, over images that are stored in chunks."""

    mean: float
    max: int


class Cost(Frozen):
    """What reading all patches costs.

    `pixels` and `bytes` are the image's own, `pixels_read` and `bytes_read` those of all patches; bytes count all
    channels. `plan_order` is the order of the rows, `morton_order` that order in space, an epoch at a time. Both
    are of `n_counted` patches, which are a sample where `sampled`; all else is exact. Null where it cannot be told
    what a file stores as one.
    """

    pixels: int
    pixels_read: int
    bytes: int
    bytes_read: int
    n_counted: int
    sampled: bool
    chunks_per_patch: ChunksPerPatch | None
    plan_order: OrderCost | None
    morton_order: OrderCost | None


class ImageCost(Cost):
    """The same of one image.

    `unit` is what is loaded at once: a "chunk" (TIFF: tile or strip; where there are shards, a chunk of them, as
    each is fetched and decoded alone), or a "pixel" of a file that is mapped into memory. Chunks and shards are in
    file axis order, `chunk_bytes` those of a whole chunk, decoded (the last strip of a TIFF counts as long as it
    is); `n_chunks` are all of the image. `as_planned` where the file was not opened to see how it is stored now.
    """

    unit: Literal["chunk", "pixel"] | None
    chunks: tuple[int, ...] | None
    shards: tuple[int, ...] | None
    chunk_bytes: int | None
    n_chunks: int | None
    as_planned: bool


class StitchMemory(Frozen):
    """Bytes for `--memory` of a stitch into OME-Zarr of tiles as `extract` cuts them: the least, and the default."""

    least: int
    default: int


class TotalCost(Cost):
    """The same over all images, through one cache of `cache` bytes of decoded chunks.

    Of `images_as_planned` of the images it is the plan that says how they are stored.
    """

    cache: int
    n_images: int
    images_as_planned: int
    advice: str | None
    stitch_memory: StitchMemory | None = None


class SplitSize(Frozen):
    """Patches of a split, and pixels that they read, each counted once (in each fold), context left out."""

    n_patches: int
    pixels: int


class Leak(Frozen):
    """Pixels in patches of two splits (of a fold, where the plan has folds), context counted in.

    `boxes` are the first of those that make them up.
    """

    splits: tuple[str, str]
    fold: int | None
    pixels: int
    boxes: tuple[PlacedBox, ...]


class Splits(Frozen):
    """What splits read and what they share; `names` are in order, `context` is pixels per side, (Z)YX.

    Where there are folds, a patch counts once in each, and so do its pixels.
    """

    n_folds: int | None = None
    names: tuple[str, ...]
    context: tuple[int, ...]
    per_split: dict[str, SplitSize]
    leaks: tuple[Leak, ...]

    @property
    def leaked(self) -> int:
        """Pixels of all leaks."""
        return sum(leak.pixels for leak in self.leaks)
