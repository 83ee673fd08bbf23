"""What a plan costs and what its splits share, in lines for people."""

from collections.abc import Iterator

from patchplan.core.amounts import memory_text
from patchplan.coverage.cost_result import Cost, ImageCost, OrderCost, Splits, TotalCost

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def cost_lines(cost: TotalCost) -> Iterator[str]:
    """Yield what reading all patches costs."""
    yield (
        f"read: {cost.pixels_read:,} pixels, {times(cost.pixels_read, cost.pixels)} those of the images; "
        f"{bytes_text(cost.bytes_read)} of {bytes_text(cost.bytes)}"
    )
    where = f"through a cache of {memory_text(cost.cache)}" if cost.cache else "without a cache"
    sample = f" by a sample of {cost.n_counted:,} patches" if cost.sampled else ""
    if cost.plan_order is None or cost.morton_order is None:
        yield "chunks: cannot be told, as nobody knows how the images are stored or patches touch too many chunks"
    else:
        yield (
            f"loaded {where}{sample}: {amplified(cost.plan_order)} the bytes wanted in the plan's order, "
            f"{amplified(cost.morton_order)} in Morton order"
        )
    if (n := cost.images_as_planned) and cost.plan_order is not None:
        yield f"stored: of {n:,} of {cost.n_images:,} images as the plan says, as their files were not opened"
    if cost.stitch_memory is not None:
        memory = cost.stitch_memory
        yield f"stitch: --memory at least about {bytes_text(memory.least)}, by default {bytes_text(memory.default)}"
    if cost.advice is not None:
        yield f"advice: {cost.advice}"


def split_lines(splits: Splits) -> Iterator[str]:
    """Yield what each split reads, and what pairs of them share."""
    folds = "" if splits.n_folds is None else f" (of {splits.n_folds} folds together)"
    for name, found in splits.per_split.items():
        yield f"split {name}: {found.n_patches:,} patches, {found.pixels:,} pixels{folds}"
    context = f", context of {' x '.join(map(str, splits.context))} pixels counted in" if any(splits.context) else ""
    if not splits.leaks:
        yield f"no pixel is in two splits{'' if splits.n_folds is None else ' of a fold'}{context}"
    for leak in splits.leaks:
        fold = "" if leak.fold is None else f" of fold {leak.fold}"
        where = f", first {leak.boxes[0]}" if leak.boxes else ""
        yield f"leak: {leak.pixels:,} pixels in {' and '.join(leak.splits)}{fold}{context}{where}"


def chunks_word(cost: ImageCost) -> str:
    """Return what is loaded at once."""
    if cost.unit is None:
        return "unknown"
    if cost.chunks is None:
        return "none, mapped"
    return " x ".join(map(str, cost.chunks)) + (" in shards" if cost.shards else "")


def per_patch_word(cost: Cost) -> str:
    """Return how many chunks a patch touches."""
    found = cost.chunks_per_patch
    return "-" if found is None else f"{found.mean:.3g} (max {found.max:,})"


def amplified(order: OrderCost | None) -> str:
    """Return how many times the bytes wanted are loaded."""
    if order is None or order.amplification is None:
        return "-"
    return f"{'at most ' if order.at_most else ''}{order.amplification:.3g} x"


def times(part: int, whole: int) -> str:
    """Return a ratio, as in 1.78 x."""
    return f"{part / whole:.3g} x"


def bytes_text(n: int) -> str:
    """Return bytes as people read them.

    Examples
    --------
    >>> bytes_text(999), bytes_text(21_331_968)
    ('999 B', '21.3 MB')
    """
    power = min((len(str(n)) - 1) // 3, len(UNITS) - 1)
    return f"{n / 1000**power:,.3g} {UNITS[power]}"
