"""`patchplan convert`: a plan in another format."""

from typing import Annotated

import typer

from patchplan.cli.boundary import reported
from patchplan.cli.progress import progress_bars

EXAMPLE = "Example: patchplan convert plan.parquet -o plan.csv"


@reported
def convert(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="A plan.")],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="PLAN2", help="The same plan: .parquet, .csv or .json.")
    ] = None,
    root: Annotated[str | None, typer.Option(metavar="DIR", help="Folder that paths in the plan start from.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing plan.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written; write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Write a plan in another format, or for another folder."""
    from patchplan import api
    from patchplan.cli.rewritten import show_converted

    with progress_bars(quiet=quiet) as progress:
        result = api.convert(plan, output, root=root, overwrite=overwrite, dry_run=dry_run, progress=progress)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif not quiet:
        show_converted(result)
