"""`patchplan merge`: several plans as one."""

from typing import Annotated

import typer

from patchplan.cli.boundary import reported
from patchplan.cli.progress import progress_bars

EXAMPLE = "Example: patchplan merge part1.parquet part2.parquet -o whole.parquet"


@reported
def merge(
    plans: Annotated[list[str], typer.Argument(metavar="PART...", help="Subsets of one plan, or any plans.")],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="WHOLE", help="The merged plan: .parquet, .csv or .json.")
    ] = None,
    allow_duplicates: Annotated[
        bool, typer.Option("--allow-duplicates", help="Take rows once that several parts have.")
    ] = False,
    root: Annotated[str | None, typer.Option(metavar="DIR", help="Folder that paths in the plans start from.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing plan.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written; write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Put plans together: parts of one plan under their indices, others renumbered."""
    from patchplan import api
    from patchplan.cli.rewritten import show_merged

    with progress_bars(quiet=quiet) as progress:
        result = api.merge(
            plans,
            output,
            allow_duplicates=allow_duplicates,
            root=root,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=progress,
        )
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif not quiet:
        show_merged(result)
