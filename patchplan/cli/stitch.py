"""`patchplan stitch`: from predicted tiles to images."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from patchplan.cli.boundary import reported
from patchplan.cli.progress import progress_bars
from patchplan.cli.render import say
from patchplan.cli.talking import talking
from patchplan.cli.values import entries, number, number_of_levels, per_axis
from patchplan.errors import AuditError, ConfigError, OutputError, TilesError
from patchplan.stitching.words import Blend, Ngff, OutputFormat
from patchplan.tiles.words import AbsentChunks

if TYPE_CHECKING:
    from patchplan.stitching.result import StitchResult

EXAMPLE = "Example: patchplan stitch plan.parquet tiles.zarr -o stitched.ome.zarr --checksums"
TILES, VALUES, IMAGE, JOBS, RUN = "Tiles", "Values", "Output image", "Job arrays", "Running"
WITH_FINISH = {"root", "memory", "workers", "overwrite", "scheduler", "checksums"}
"""Options that `--finish` takes; all others were said to the shares."""


@reported
def stitch(
    ctx: typer.Context,
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The plan that the tiles follow.")],
    tiles: Annotated[
        list[str] | None,
        typer.Argument(metavar="TILES", help="Stacks (.zarr, .npy) or folders of .npy or .tif.", show_default=False),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="OUT", help=".zarr, .tif or .npy; a folder for several images."),
    ] = None,
    output_format: Annotated[
        OutputFormat | None, typer.Option("--format", help="What goes into a folder of several images.")
    ] = None,
    epoch: Annotated[int, typer.Option(metavar="K", help="Which epoch of the plan.")] = 0,
    root: Annotated[str | None, typer.Option(metavar="DIR", help="Folder that paths in the plan start from.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read every tile and report; write nothing.", rich_help_panel=TILES)
    ] = False,
    check_nan: Annotated[
        bool, typer.Option("--check-nan", help="As --check, and NaN counts as broken.", rich_help_panel=TILES)
    ] = False,
    missing_output: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a plan of the tiles to run again.", rich_help_panel=TILES),
    ] = None,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Go on without missing tiles; list them.", rich_help_panel=TILES)
    ] = False,
    absent_chunks: Annotated[
        AbsentChunks,
        typer.Option(help="What chunks that a bare Zarr array lacks mean.", rich_help_panel=TILES),
    ] = "missing",
    later_wins: Annotated[
        bool,
        typer.Option("--later-wins", help="Of a tile in two TILES, take the later.", rich_help_panel=TILES),
    ] = False,
    margin: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Pixels that tiles lack per side.", rich_help_panel=TILES),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="FACTOR", help="Output pixels per pixel of the image: 2 or 1/2,1/2.", rich_help_panel=TILES
        ),
    ] = None,
    blend: Annotated[
        Blend | None,
        typer.Option(
            help="How overlapping tiles become one (crop for tiled plans, else average).", rich_help_panel=VALUES
        ),
    ] = None,
    reduce: Annotated[
        str | None,
        typer.Option(
            metavar="HOW", help="After that: argmax, channel:K, threshold:T, softmax, sigmoid.", rich_help_panel=VALUES
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(metavar="DTYPE", help="Of the output; integers are rounded and clipped.", rich_help_panel=VALUES),
    ] = None,
    fill_value: Annotated[
        str, typer.Option(metavar="V", help="For pixels that no tile covers.", rich_help_panel=VALUES)
    ] = "0",
    force: Annotated[
        bool, typer.Option("--force", help="Average integer tiles all the same.", rich_help_panel=VALUES)
    ] = False,
    labels: Annotated[
        bool, typer.Option("--labels", help="Pixels are labels: nearest in pyramids.", rich_help_panel=VALUES)
    ] = False,
    ngff: Annotated[Ngff, typer.Option(help="Version of OME-Zarr; 0.4 is Zarr v2.", rich_help_panel=IMAGE)] = "0.5",
    levels: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="Levels with full resolution: auto, or 1 for no pyramid.", rich_help_panel=IMAGE
        ),
    ] = None,
    chunks: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Pixels of a chunk or TIFF tile.", rich_help_panel=IMAGE)
    ] = None,
    shards: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Pixels of a shard, or none.", rich_help_panel=IMAGE)
    ] = None,
    compression: Annotated[
        str | None,
        typer.Option(
            metavar="CODEC", help="zstd[:LEVEL], blosc, gzip; TIFF: zstd, zlib, lzw; none.", rich_help_panel=IMAGE
        ),
    ] = None,
    share: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Write the K-th of N shares of the blocks.", rich_help_panel=JOBS),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="On the workers of Dask; local: processes here.", rich_help_panel=JOBS),
    ] = None,
    finish: Annotated[
        str | None,
        typer.Option(metavar="OUT", help="Complete OUT when all shares are written; no TILES.", rich_help_panel=JOBS),
    ] = None,
    memory: Annotated[
        str, typer.Option(metavar="SIZE", help="Memory beyond the program's own.", rich_help_panel=RUN)
    ] = "2GB",
    workers: Annotated[int | None, typer.Option(metavar="N", help="Threads.", rich_help_panel=RUN)] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.", rich_help_panel=RUN)
    ] = False,
    checksums: Annotated[
        bool, typer.Option("--checksums", help="Write OUT.sha256, for verify.", rich_help_panel=RUN)
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same run was stopped.", rich_help_panel=RUN)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written; write nothing.", rich_help_panel=RUN)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=RUN)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.", rich_help_panel=RUN)] = False,
) -> None:
    """Put predicted tiles together, each pixel written once, and name every tile that is missing."""
    from patchplan.cli.stitched import findings, show_result

    options: dict[str, Any] = {
        "format": output_format,
        "epoch": epoch,
        "root": root,
        "check": check,
        "check_nan": check_nan,
        "missing_output": missing_output,
        "allow_missing": allow_missing,
        "absent_chunks": absent_chunks,
        "later_wins": later_wins,
        "margin": per_axis("margin", margin),
        "scale": entries(scale),
        "blend": blend,
        "reduce": reduce,
        "dtype": dtype,
        "fill_value": number("--fill-value", fill_value),
        "force": force,
        "labels": labels,
        "ngff": ngff,
        "levels": number_of_levels(levels),
        "chunks": per_axis("chunks", chunks),
        "shards": "none" if shards == "none" else per_axis("shards", shards),
        "compression": compression,
        "memory": memory,
        "workers": workers,
        "overwrite": overwrite,
        "resume": resume,
        "share": share,
        "scheduler": scheduler,
        "checksums": checksums,
        "dry_run": dry_run,
    }
    if finish is not None:
        _finish(ctx, plan, finish, options, as_json=as_json, quiet=quiet)
        return
    if not tiles:
        raise TilesError(
            "no TILES given; allowed: stacks (.zarr, .npy) or folders of .npy or .tif, as "
            f"patchplan extract {plan} -o tiles.zarr makes them"
        )
    only_check = check or check_nan
    if output is None and not (only_check or dry_run):
        raise OutputError(
            "no output given: name an image with -o OUT (.zarr, .tif, .npy) or a folder, or use --check or --dry-run"
        )
    result = _run(plan, tiles, output, options, as_json=as_json, quiet=quiet)
    unwritten = "check" if only_check else "dry run" if dry_run else None
    show_result(result, unwritten, as_json=as_json, quiet=quiet)
    if result.duplicate or result.bad or (result.missing and not allow_missing):
        raise AuditError("\n".join(findings(result)))
    for line in findings(result) if not quiet else ():
        say(line, "warning")


def _finish(ctx: typer.Context, plan: str, output: str, options: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    """Complete what shares have written; options that only they can be told are refused."""
    from patchplan.cli.heap import keep_heap_small
    from patchplan.cli.stitched import show_result

    allowed = WITH_FINISH | {"plan", "finish", "as_json", "quiet"}
    for name in ctx.params:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE" and name not in allowed:
            raise ConfigError(
                f"--{name.replace('_', '-')}: not with --finish, which completes what the shares were told"
            )
    keep_heap_small()
    from patchplan import api

    with talking(quiet=quiet), progress_bars(quiet=quiet) as progress:
        chosen = {name: options[name] for name in WITH_FINISH}
        result = api.finish(plan, output, progress=progress, **chosen)
    show_result(result, as_json=as_json, quiet=quiet)


def _run(
    plan: str, tiles: list[str], output: str | None, options: dict[str, Any], *, as_json: bool, quiet: bool
) -> "StitchResult":
    """Stitch; where the audit fails, what it found goes to stdout all the same."""
    from patchplan.cli.heap import keep_heap_small

    keep_heap_small()
    from patchplan import api

    try:
        with talking(quiet=quiet), progress_bars(quiet=quiet) as progress:
            return api.stitch(plan, tiles, output, progress=progress, **options)
    except AuditError as error:
        if as_json and error.result is not None:
            typer.echo(error.result.model_dump_json(indent=2))
        if not quiet and error.result is not None and error.result.missing_output:
            say(f"wrote {error.result.missing_output}: what to run again", "note")
        elif error.result is not None and error.result.missing:
            error.add_note("--missing-output FILE writes a plan of what is missing; --allow-missing goes on without")
        raise
