"""What `extract` did, as lines for people."""

from typing import TYPE_CHECKING

import typer

from patchplan.cli.render import by, count

if TYPE_CHECKING:
    from patchplan.extracting.result import ExtractResult

KINDS = {"stack": "a stack", "array": "an array", "folder": "a folder"}


def show_extracted(result: "ExtractResult") -> None:
    """Write what patches there are, and where."""
    n = result.n_patches
    what = f"room for {count(n, 'tile', 'tiles')}" if result.empty else count(n, "patch", "patches")
    typer.echo(f"{what}{_form(result)}: {size(result.bytes)}")
    files = f" of .{result.format} files" if result.kind == "folder" else ""
    kind = "" if result.kind is None else f", {KINDS[result.kind]}{files}"
    if result.out is None:
        typer.echo("dry run: nothing written" + (f"; it would be{kind[1:]}" if kind else ""))
    else:
        typer.echo(f"wrote {result.out}{kind}")


def _form(result: "ExtractResult") -> str:
    if result.shape is None:
        return " of different sizes or types"
    axes = "C Z Y X" if len(result.shape) == 4 else "C Y X"
    return f" of {by(result.shape)} ({axes}) {result.dtype}"


def size(n_bytes: int) -> str:
    """Return bytes as people say them.

    Examples
    --------
    >>> size(999), size(262_144), size(5_000_000_000)
    ('999 bytes', '262.1 kB', '5.0 GB')
    """
    if n_bytes < 1000:
        return f"{n_bytes} bytes"
    amount = float(n_bytes)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:,.1f} TB"
