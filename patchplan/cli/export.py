"""`patchplan export`: a plan as GeoJSON, for QuPath."""

from typing import Annotated

import typer

from patchplan.cli.boundary import reported
from patchplan.cli.progress import progress_bars
from patchplan.cli.render import say
from patchplan.plans.words import ObjectType

EXAMPLE = "Example: patchplan export plan.parquet -o plan.geojson"
PATCHES, RUN = "Patches", "Running"


@reported
def export(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="The plan to draw.")],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="OUT", help=".geojson for one image, else a folder with a file each."),
    ] = None,
    kept: Annotated[bool, typer.Option("--kept", help="Draw what is kept of tiles, not what is read.")] = False,
    object_type: Annotated[
        ObjectType, typer.Option(help="What patches are in QuPath: tiles are fast, annotations can be edited.")
    ] = "tile",
    image: Annotated[
        int | None,
        typer.Option(metavar="K", help="Which image, by its data_idx (all).", rich_help_panel=PATCHES),
    ] = None,
    epoch: Annotated[int, typer.Option(metavar="K", help="Which epoch of the plan.", rich_help_panel=PATCHES)] = 0,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which split: train, validation, test.", rich_help_panel=PATCHES)
    ] = None,
    fold: Annotated[
        int | None, typer.Option(metavar="K", help="Which fold of a plan with folds.", rich_help_panel=PATCHES)
    ] = None,
    root: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder that paths in the plan start from.", rich_help_panel=PATCHES),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.", rich_help_panel=RUN)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count the patches; write nothing.", rich_help_panel=RUN)
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=RUN)] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.", rich_help_panel=RUN)] = False,
) -> None:
    """Draw the patches of a plan as GeoJSON, which QuPath opens over the image."""
    from patchplan import api
    from patchplan.cli.exported import show_exported

    with progress_bars(quiet=quiet) as progress:
        result = api.export(
            plan,
            output,
            image=image,
            epoch=epoch,
            split=split,
            fold=fold,
            kept=kept,
            object_type=object_type,
            root=root,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=progress,
        )
    if not quiet:
        for note in result.notes:
            say(note, "note")
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif not quiet:
        show_exported(result)
