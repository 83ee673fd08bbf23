"""What `convert`, `subset` and `merge` did, as lines for people."""

from typing import TYPE_CHECKING

import typer

from patchplan.cli.render import count

if TYPE_CHECKING:
    from patchplan.api.converting import ConvertResult
    from patchplan.api.merging import MergeResult
    from patchplan.api.subsetting import SubsetResult


def show_converted(result: "ConvertResult") -> None:
    """Write what was converted, and where it is."""
    rows = f"{count(result.n_rows, 'row', 'rows')}{'' if result.rows else ', not stored: they follow from the header'}"
    typer.echo(f"{rows}, of {count(result.n_images, 'image', 'images')}")
    _wrote(result.plan)


def show_subset(result: "SubsetResult") -> None:
    """Write how much was chosen, and where it is."""
    images = f"{len(result.images):,} of {count(result.n_images, 'image', 'images')}"
    typer.echo(f"{result.n_rows:,} of {count(result.of_rows, 'row', 'rows')}, in {images}{_epochs(result.epochs)}")
    _wrote(result.plan)


def show_merged(result: "MergeResult") -> None:
    """Write what was merged, and where it is."""
    images = count(result.n_images, "image", "images")
    typer.echo(f"{count(result.n_rows, 'row', 'rows')}, of {images}{_epochs(result.epochs)}")
    if result.n_repeated:
        typer.echo(f"{count(result.n_repeated, 'row', 'rows')} that several parts have: each taken once")
    if result.renumbered:
        typer.echo("other plans, not parts of one: patches are renumbered; source_index has their old indices")
    else:
        typer.echo("parts that make up their plan" if result.whole else "parts of one plan, of which some is missing")
    _wrote(result.plan)


def _epochs(epochs: int | None) -> str:
    return "" if epochs is None else f", {count(epochs, 'epoch', 'epochs')}"


def _wrote(plan: str | None) -> None:
    typer.echo("dry run: nothing written" if plan is None else f"wrote {plan}")
