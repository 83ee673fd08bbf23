"""`patchplan subset`: some rows of a plan."""

from typing import Annotated

import typer

from patchplan.cli.boundary import reported
from patchplan.cli.progress import progress_bars
from patchplan.tiles.words import AbsentChunks

EXAMPLE = (
    "Example: patchplan subset plan.parquet --index 0:2 -o part1.parquet && "
    "patchplan subset plan.parquet --index 2:4 -o part2.parquet"
)
ROWS, RUN = "Rows: all that is given must be true", "Running"


@reported
def subset(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A plan.")],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="PART", help="The chosen rows, as a plan: .parquet, .csv or .json."),
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="K,...", help="Images by number: 0,2 or 0:5.", rich_help_panel=ROWS)
    ] = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which split, such as train.", rich_help_panel=ROWS)
    ] = None,
    fold: Annotated[int | None, typer.Option(metavar="K", help="Which fold.", rich_help_panel=ROWS)] = None,
    epoch: Annotated[int | None, typer.Option(metavar="K", help="Which epoch.", rich_help_panel=ROWS)] = None,
    index: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="Indices: 3,7,20:30 (30 is not in it), or @FILE.", rich_help_panel=ROWS),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(
            metavar="(Z,)Y,X,(Z,)Y,X",
            help="Start and stop: patches that share a pixel with it.",
            rich_help_panel=ROWS,
        ),
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TILES",
            help="Patches of which these have no tile, or a broken one; may be repeated.",
            rich_help_panel=ROWS,
        ),
    ] = None,
    absent_chunks: Annotated[
        AbsentChunks,
        typer.Option(help="What chunks of TILES mean that a bare Zarr array has not stored.", rich_help_panel=ROWS),
    ] = "missing",
    root: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder that paths in the plan start from.", rich_help_panel=RUN)
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing plan.", rich_help_panel=RUN)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written; write nothing.", rich_help_panel=RUN)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=RUN)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.", rich_help_panel=RUN)] = False,
) -> None:
    """Write some rows of a plan as a plan; its tiles are tiles of the whole."""
    from patchplan import api
    from patchplan.cli.rewritten import show_subset

    with progress_bars(quiet=quiet) as progress:
        result = api.subset(
            plan,
            output,
            image=image,
            split=split,
            fold=fold,
            epoch=epoch,
            index=index,
            box=box,
            missing=missing or None,
            absent_chunks=absent_chunks,
            root=root,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=progress,
        )
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif not quiet:
        show_subset(result)
