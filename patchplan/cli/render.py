"""Results as tables for people."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from patchplan.plans.telling import chosen_lines

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from patchplan.plans.result import PlanResult, Resolved

FILE_WIDTH = 160
"""Columns of text where stdout is no terminal."""

WIDE = 100
"""Columns from which a summary shows data shapes."""

MAX_IMAGES = 20
"""Images that a summary shows one by one."""


def say(message: str, kind: str) -> None:
    """Write one line of talk to stderr: a note or a warning."""
    typer.secho(f"{kind}: ", err=True, fg="yellow" if kind == "warning" else "cyan", nl=False)
    typer.echo(message, err=True)


def show_plan(result: "PlanResult") -> None:
    """Write a summary per image to stdout."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = stdout_console()
    wide = console.width >= WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("image", "axes", "shape", "dtype", *(["data shape"] if wide else [])):
        table.add_column(name, no_wrap=True)
    table.add_column("patches", justify="right", no_wrap=True)
    for image in result.images[:MAX_IMAGES]:
        uri = end_of(image.uri, console.width - (80 if wide else 48))
        cells = (uri, image.axes, by(image.shape), image.dtype, *([by(image.data_shape)] if wide else []))
        table.add_row(*(Text(cell) for cell in cells), f"{image.n_patches:,}")
    if len(result.images) > MAX_IMAGES:
        table.add_row(f"... and {len(result.images) - MAX_IMAGES:,} more")
    write(console, table, _summary(result))


def stdout_console() -> "Console":
    """Return a console as wide as the terminal, or as a file deserves."""
    from rich.console import Console

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else FILE_WIDTH)


def write(console: "Console", table: "Table", lines: Sequence[str]) -> None:
    """Write a table and lines below it to stdout."""
    from rich.text import Text

    with console.capture() as shown:  # rich itself would leave with exit code 1 where nobody reads on
        console.print(table)
        for line in lines:
            console.print(Text(line), soft_wrap=True)
    typer.echo(shown.get(), nl=False, color=True)


def _summary(result: "PlanResult") -> list[str]:
    n_folds = len((result.splits or {}).get("folds", ()))
    folds = f", {n_folds} folds together" if n_folds > 1 else ""
    epochs = f" x {result.epochs} epochs = {result.n_rows:,} rows" if result.epochs else ""
    lines = [
        f"{result.strategy}: {count(result.n_patches, 'patch', 'patches')} in "
        f"{count(len(result.images), 'image', 'images')}{folds}{epochs}{_sizes(result.resolved)}"
    ]
    if result.seed is not None:
        lines.append(f"seed {result.seed}")
    lines += chosen_lines(result.chosen, result.splits)
    lines.append("dry run: nothing written" if result.plan is None else f"wrote {result.plan}")
    return lines


def count(n: int, one: str, several: str) -> str:
    """Return a number and what it counts."""
    return f"{n:,} {one if n == 1 else several}"


def _sizes(resolved: "Resolved") -> str:
    parts = []
    if resolved.patch_size is not None:
        parts.append(f"patch size {by(resolved.patch_size)}")
    if resolved.overlaps is not None and resolved.stride is not None and resolved.halo is not None:
        halo = " x ".join(f"{before}+{after}" for before, after in resolved.halo)
        parts += [f"overlap {by(resolved.overlaps)}", f"halo {halo}", f"stride {by(resolved.stride)}"]
    return "".join(f", {part}" for part in parts)


def end_of(path: str, width: int) -> str:
    """Return the end of a path, which tells images apart, in at most `width` characters (but 16)."""
    width = max(width, 16)
    path = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in path)
    return path if len(path) <= width else "\u2026" + path[1 - width :]


def by(sizes: Sequence[int]) -> str:
    """Return sizes, as in 64 x 64."""
    return " x ".join(str(size) for size in sizes)
