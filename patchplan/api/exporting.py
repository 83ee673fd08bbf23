"""`export`: a plan as GeoJSON, for QuPath."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, get_args

from patchplan.api.common import PathLike, Progress, counting, on_disk
from patchplan.core.amounts import whole_number
from patchplan.errors import ConfigError, ImageError, OutputError, PlanError
from patchplan.objects import Location
from patchplan.plans.epoch import EpochRows
from patchplan.plans.export.boxes import sample_axes
from patchplan.plans.export.geojson import Drawn, Features, by_image
from patchplan.plans.export.result import ExportedImage, ExportResult
from patchplan.plans.export.writing import GeoJsonFiles
from patchplan.plans.plan import Plan, open_plan
from patchplan.plans.words import ObjectType
from patchplan.publish import check_folder, check_free, growing, published
from patchplan.sampling.threads import in_order
from patchplan.stitching.naming import output_names

ROWS = 1 << 14
"""Rows that are made into features at a time: about 5 MB of text."""

WORKERS = 2
"""Threads that make text while one writes: more would wait for the disk."""


class Piece(NamedTuple):
    """Some rows of an image, how many, and what makes their features."""

    data_idx: int
    n: int
    make: Callable[[], list[memoryview]]


def export(
    plan: PathLike | Plan,
    output: PathLike | None = None,
    *,
    image: int | None = None,
    epoch: int = 0,
    split: str | None = None,
    fold: int | None = None,
    kept: bool = False,
    object_type: ObjectType = "tile",
    root: PathLike | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Write the patches of a plan as GeoJSON, a rectangle each, as QuPath opens it.

    Coordinates are pixels x, y of the full resolution, clipped to the image. Samples are on the plane that they
    have in the image; a patch of a volume is on the slice in its middle. Memory is bounded, whatever the number of
    patches.

    Parameters
    ----------
    plan : path or Plan
        A plan, or its file.
    output : path, optional
        `.geojson` for one image; else a folder with a file per image. May be left out with `dry_run`.
    image : int, optional
        Which image, by `data_idx`; all by default.
    epoch, split, fold
        Which patches: of one epoch, and of a split and a fold where the plan has them.
    kept : bool
        Draw the part of each tile that is kept, not what is read.
    object_type : "tile" or "annotation"
        What they become in QuPath.
    root : path, optional
        Folder that the relative paths of the plan's images start from; only images planned at a lower resolution are
        opened.
    overwrite, dry_run : bool
        Replace an existing output; count and write nothing.
    progress : callable, optional
        Called with what is counted (rows), how many are done, and how many there are.

    Raises
    ------
    ConfigError, PlanError, ImageError, OutputError
        All `PatchplanError`; nothing stands under the name of the output then that did not before.
    """
    opened = plan if isinstance(plan, Plan) and root is None else open_plan(_path_of(plan), root)
    if object_type not in get_args(ObjectType):
        raise ConfigError(f"--object-type: found {object_type!r}; allowed: {', '.join(get_args(ObjectType))}")
    if kept and not opened.header.tiles:
        raise ConfigError(f"--kept: {opened.path} does not say what is kept of its patches; allowed for tiles only")
    only = _image(opened, image)
    target = _target(opened, output, only, dry_run=dry_run)
    rows = opened.epoch(epoch, split=split, fold=fold)
    names = _names(opened)
    with _place(target, names, overwrite=overwrite, dry_run=dry_run) as place:
        files = GeoJsonFiles(place, names)
        drawn = _write(rows, only, Features(object_type, kept=kept), files, progress)
        if not files.written:
            raise PlanError(f"{opened.path}: has no such patches; nothing to export")
        files.finish()
    images = tuple(_exported(opened, data_idx, files, None if dry_run else target) for data_idx in sorted(drawn))
    return ExportResult(
        out=None if dry_run or target is None else str(target),
        object_type=object_type,
        kept=kept,
        n_features=sum(one.n_features for one in images),
        bytes=sum(one.bytes for one in images),
        images=images,
        notes=_notes(opened, drawn),
    )


def _path_of(plan: PathLike | Plan) -> PathLike | Location:
    return plan.path if isinstance(plan, Plan) else plan


def _image(plan: Plan, image: int | None) -> int | None:
    if image is None:
        return None
    number = whole_number("--image", image)
    if number >= len(plan.images):
        raise ConfigError(f"--image: found {number}; {plan.path} has images 0 to {len(plan.images) - 1}")
    return number


def _target(plan: Plan, output: PathLike | None, only: int | None, *, dry_run: bool) -> Path | None:
    """Return what to write, a file or a folder; None for nothing."""
    if output is None:
        if dry_run:
            return None
        raise OutputError("no output given: name it with -o FILE.geojson, or use --dry-run")
    path = on_disk("-o", output)
    if path.suffix.lower() == ".json":
        raise OutputError(f"{path}: .json is a plan; allowed: .geojson, or a folder")
    if _is_file(path) and only is None and len(plan.images) > 1:
        raise OutputError(
            f"{path}: {plan.path} has {len(plan.images)} images, and a file takes one; choose it with --image, or give "
            "a folder"
        )
    return path


def _is_file(target: Path) -> bool:
    return target.suffix.lower() == ".geojson"


def _names(plan: Plan) -> list[str]:
    """Return the name of each image's file in a folder."""
    uris, arrays = [image.uri for image in plan.images], [image.array for image in plan.images]
    return [name.removesuffix(".npy") + ".geojson" for name in output_names(uris, "npy", arrays)]


@contextmanager
def _place(target: Path | None, names: list[str], *, overwrite: bool, dry_run: bool) -> Iterator[Path | None]:
    """Yield where to write, or None; it takes its name after the block."""
    ours = frozenset(names).__contains__
    if target is None:
        yield None
        return
    if _is_file(target):
        check_free(target, overwrite=overwrite)
    else:
        check_folder(target, overwrite=overwrite, ours=ours)
    if dry_run:
        yield None
    elif _is_file(target):
        with published([target], overwrite=overwrite) as (partial,):
            yield partial
    else:
        with growing(target, folder=True, overwrite=overwrite, ours=ours) as growth:
            place = growth.place
            assert isinstance(place, Path)  # noqa: S101 - the target is one
            place.mkdir()
            yield place


def _write(
    rows: EpochRows, only: int | None, features: Features, files: GeoJsonFiles, progress: Progress | None
) -> dict[int, Drawn]:
    """Write the features of all rows; return the images that have some."""
    drawn: dict[int, Drawn] = {}

    def pieces() -> Iterator[Piece]:
        done, told = 0, counting(progress, "rows")
        for table in rows.tables(ROWS):
            for data_idx, some in by_image(table):
                if only in (None, data_idx):
                    if data_idx not in drawn:
                        drawn[data_idx] = _drawn(rows.plan, data_idx)
                    yield Piece(data_idx, len(some), partial(features.text, some, drawn[data_idx]))
            done += len(table)
            if told is not None:
                told(done, rows.n)

    for piece, text in in_order(_made, pieces(), WORKERS):
        files.write(piece.data_idx, text, piece.n)
    return drawn


def _made(piece: Piece) -> tuple[Piece, list[memoryview]]:
    return piece, piece.make()


def _drawn(plan: Plan, data_idx: int) -> Drawn:
    record = plan.images[data_idx]
    factors = (1.0, 1.0)
    if record.level:
        try:
            full = plan.open_image(data_idx).info.levels[0]
        except ImageError as error:
            raise ImageError(
                f"{error}; it was planned at level {record.level}, and is needed to scale to the full resolution"
            ) from None
        y, x = (full[record.axes.index(letter)] / record.shape[record.axes.index(letter)] for letter in "YX")
        factors = (y, x)
    return Drawn(record.data_shape[2:], sample_axes(plan, data_idx), factors)


def _exported(plan: Plan, data_idx: int, files: GeoJsonFiles, target: Path | None) -> ExportedImage:
    file = None if target is None else target if _is_file(target) else target / files.names[data_idx]
    written = files.written[data_idx]
    return ExportedImage(
        data_idx=data_idx,
        uri=plan.images[data_idx].uri,
        file=None if file is None else str(file),
        n_features=written.n,
        bytes=written.bytes,
    )


def _notes(plan: Plan, drawn: dict[int, Drawn]) -> tuple[str, ...]:
    """Return what is drawn otherwise than planned, a line each, with the first image that it concerns."""
    notes: dict[str, str] = {}
    for data_idx, image in sorted(drawn.items()):
        uri = plan.images[data_idx].uri
        others = [f"{letter} of {size}" for letter, size in image.sample_axes if letter != "Z" and size > 1]
        if len(others) > 1:
            notes.setdefault("axes", f"{uri}: axes {', '.join(others)} become one axis T, the last changing fastest")
        if image.factors != (1, 1):
            times = f"{image.factors[1]:g}"
            notes.setdefault("level", f"{uri}: coordinates are those of the full resolution, {times} times the plan's")
    return tuple(notes.values())
