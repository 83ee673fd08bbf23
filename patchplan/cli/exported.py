"""What `export` drew, as lines for people."""

from typing import TYPE_CHECKING

import typer

from patchplan.cli.extracted import size
from patchplan.cli.render import MAX_IMAGES, count, end_of

if TYPE_CHECKING:
    from patchplan.plans.export.result import ExportResult

WIDTH = 60
"""Characters of an image's path."""


def show_exported(result: "ExportResult") -> None:
    """Write how many rectangles there are, by image where there are several, and where they are."""
    what = "kept parts" if result.kept else "patches"
    if len(result.images) > 1:
        for image in result.images[:MAX_IMAGES]:
            typer.echo(f"{end_of(image.uri, WIDTH)}: {image.n_features:,} {what}")
        if len(result.images) > MAX_IMAGES:
            typer.echo(f"... and {len(result.images) - MAX_IMAGES:,} more")
    typer.echo(
        f"{result.n_features:,} {what} of {count(len(result.images), 'image', 'images')} as {result.object_type}s: "
        f"{size(result.bytes)}"
    )
    typer.echo("dry run: nothing written" if result.out is None else f"wrote {result.out}")
