"""`patchplan plan`: from images and a config to a table of patches."""

from typing import Annotated

import typer

from patchplan.cli.boundary import reported
from patchplan.cli.progress import progress_bars
from patchplan.cli.render import say, show_plan
from patchplan.cli.talking import talking
from patchplan.cli.values import per_axis
from patchplan.plans.words import StrategyName

EXAMPLE = "Example: patchplan plan nuclei.tif --strategy tiled --patch-size 256 --overlaps 32 -o plan.parquet"
STRATEGY, READING, OUTPUT = "Strategy (goes over the config)", "Reading images", "Output"
SIZES = "64 (all axes), 64,64 (Y,X) or 16,64,64 (Z,Y,X)"


@reported
def plan(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Images: TIFF, Zarr, OME-Zarr, .npy, PNG, JPEG; folders, globs."),
    ],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="PLAN", help="The plan: .parquet, .csv or .json.")
    ] = None,
    config: Annotated[
        str | None,
        typer.Option("-c", "--config", metavar="FILE", help="YAML: strategy, and regions, filter, split, weights."),
    ] = None,
    strategy: Annotated[
        StrategyName | None,
        typer.Option(
            help="How patches are placed: tiled for prediction, others for training.", rich_help_panel=STRATEGY
        ),
    ] = None,
    patch_size: Annotated[
        str | None, typer.Option(metavar="SIZE", help=f"Pixels: {SIZES}.", rich_help_panel=STRATEGY)
    ] = None,
    overlaps: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Pixels that neighbours share in all: twice the halo.", rich_help_panel=STRATEGY
        ),
    ] = None,
    halo: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Instead: pixels that a tile loses per side.", rich_help_panel=STRATEGY),
    ] = None,
    stride: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Instead: pixels between neighbours.", rich_help_panel=STRATEGY),
    ] = None,
    multiple_of: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Keep starts on its multiples; the last overhangs.", rich_help_panel=STRATEGY
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of random strategies.", rich_help_panel=STRATEGY)] = None,
    table: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Specs of the fixed strategy.", rich_help_panel=STRATEGY),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", help="Passes to write (random, stratified).", rich_help_panel=STRATEGY),
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option(
            metavar="LETTERS", help="Axes of the images, such as ZYX, if files do not say.", rich_help_panel=READING
        ),
    ] = None,
    series: Annotated[int | None, typer.Option(metavar="N", help="TIFF series.", rich_help_panel=READING)] = None,
    level: Annotated[
        int | None,
        typer.Option(metavar="N", help="Pyramid level; 0 is full resolution.", rich_help_panel=READING),
    ] = None,
    array: Annotated[
        str | None, typer.Option(metavar="PATH", help="Array inside a Zarr store.", rich_help_panel=READING)
    ] = None,
    z_as_samples: Annotated[
        bool, typer.Option("--z-as-samples", help="Plan Z slices as 2-D images.", rich_help_panel=READING)
    ] = False,
    skip_small: Annotated[
        bool,
        typer.Option("--skip-small", help="Leave out images smaller than the patch.", rich_help_panel=READING),
    ] = False,
    skip_broken: Annotated[
        bool,
        typer.Option("--skip-broken", help="Leave out files that cannot be opened.", rich_help_panel=READING),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Threads that read pixels for a filter or weights.", rich_help_panel=READING),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Read pixels for a filter on the workers of Dask; local: processes here.",
            rich_help_panel=READING,
        ),
    ] = None,
    filter_map: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write what the filter finds as an image (.tif, or a folder), a picture beside it.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    no_rows: Annotated[
        bool,
        typer.Option(
            "--no-rows", help="Header only: rows follow from it (sequential, tiled, whole).", rich_help_panel=OUTPUT
        ),
    ] = False,
    root: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder that paths in the plan start from (its own).", rich_help_panel=OUTPUT),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing plan.", rich_help_panel=OUTPUT)
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show what would be planned; write nothing.", rich_help_panel=OUTPUT),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=OUTPUT)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Read the shapes of images and write a table of the patches or tiles to read."""
    from patchplan import api

    sizes = {
        "patch_size": patch_size,
        "overlaps": overlaps,
        "halo": halo,
        "stride": stride,
        "multiple_of": multiple_of,
    }
    patching = {"name": strategy, "seed": seed, "table": table} | {
        key: per_axis(key, value) for key, value in sizes.items()
    }
    with talking(quiet=quiet), progress_bars(quiet=quiet) as progress:
        result = api.plan(
            inputs,
            output,
            config=config,
            patching=patching,
            axes=axes,
            series=series,
            level=level,
            array=array,
            z_as_samples=z_as_samples,
            epochs=epochs,
            rows=not no_rows,
            skip_small=skip_small,
            skip_broken=skip_broken,
            root=root,
            workers=workers,
            scheduler=scheduler,
            filter_map=filter_map,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=progress,
        )
    if not quiet:
        for reason in result.skipped:
            say(f"left out: {reason}", "warning")
        for note in result.notes:
            say(note, "note")
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif not quiet:
        show_plan(result)
