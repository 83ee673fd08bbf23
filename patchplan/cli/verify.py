"""`patchplan verify`: whether an output is still as it was written."""

from typing import Annotated

import typer

from patchplan.cli.boundary import CHECK_FAILED, reported
from patchplan.cli.progress import progress_bars

EXAMPLE = "Example: patchplan verify stitched.ome.zarr"


@reported
def verify(
    output: Annotated[str, typer.Argument(metavar="OUT", help="What was written, with OUT.sha256 beside it.")],
    workers: Annotated[int | None, typer.Option(metavar="N", help="Threads.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Read an output again and compare it with its checksums: exit code 1 if anything differs."""
    from patchplan import api
    from patchplan.cli.verified import findings, show_verified

    with progress_bars(quiet=quiet) as progress:
        result = api.verify(output, workers=workers, progress=progress)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif not quiet:
        show_verified(result)
    for line in findings(result):
        typer.secho("failed: ", err=True, fg="red", bold=True, nl=False)
        typer.echo(line, err=True)
    if not result.ok:
        raise typer.Exit(CHECK_FAILED)
