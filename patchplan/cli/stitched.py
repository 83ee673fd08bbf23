"""What `stitch` did and what its audit found, for people and as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from patchplan.cli.render import MAX_IMAGES, WIDE, by, count, end_of, say, stdout_console, write

if TYPE_CHECKING:
    from patchplan.stitching.result import StitchResult

MAX_INDICES = 10
"""Indices of each kind that are shown; `--json` has all."""


def show_result(
    result: "StitchResult", unwritten: str | None = None, *, as_json: bool = False, quiet: bool = False
) -> None:
    """Write notes to stderr, and the result to stdout."""
    for note in result.notes if not quiet else ():
        say(note, "note")
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    elif not quiet:
        show_stitched(result, unwritten=unwritten)


def show_stitched(result: "StitchResult", *, unwritten: str | None = None) -> None:
    """Write a line per image, where there are any; `unwritten` says why none of them is written."""
    if result.outputs:
        _show_images(result, _summary(result) + ([] if unwritten is None else [f"{unwritten}: nothing written"]))
        return
    for line in _summary(result):
        typer.echo(line)


def _show_images(result: "StitchResult", lines: Sequence[str]) -> None:
    """Write a line per image, and lines below."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = stdout_console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("image", "axes", "shape", "dtype", "levels"):
        table.add_column(name, no_wrap=True)
    table.add_column("not covered", justify="right", no_wrap=True)
    for one in result.outputs[:MAX_IMAGES]:
        uri = end_of(str(one.uri or "-"), console.width - (80 if console.width >= WIDE else 60))
        cells = (uri, one.axes, by(one.shape), one.dtype, str(one.levels))
        table.add_row(*(Text(cell) for cell in cells), "-" if one.filled is None else f"{one.filled:,}")
    if len(result.outputs) > MAX_IMAGES:
        table.add_row(f"... and {len(result.outputs) - MAX_IMAGES:,} more")
    write(console, table, lines)


def _summary(result: "StitchResult") -> list[str]:
    from patchplan.stitching.result import ShareResult

    tiles = count(result.n_tiles, "tile", "tiles")
    if result.outputs:
        lines = [f"{result.blend}: {tiles}, {count(len(result.outputs), 'image', 'images')}"]
    elif isinstance(result, ShareResult):
        lines = [f"{result.blend}: share {result.share} is written"]
    else:
        lines = [f"{tiles} checked"]
    if result.missing_output:
        lines.append(f"wrote {result.missing_output}: what to run again")
    return lines


def findings(found: "StitchResult") -> list[str]:
    """Return a line for each kind of finding: how many tiles, and the first of them.

    Examples
    --------
    >>> from patchplan.stitching.result import BadTile, StitchResult
    >>> facts = dict(plan="p.csv", blend="crop", n_tiles=9, outputs=(), missing_output=None, notes=())
    >>> bad = BadTile(index=7, why="7.npy: is no array")
    >>> findings(StitchResult(missing=(3, 4), duplicate=(), bad=(bad,), **facts))
    ['missing: 2 tiles: 3, 4', 'broken: tile 7: 7.npy: is no array']
    """
    lines = []
    for name, indices in (("missing", found.missing), ("there more than once", found.duplicate)):
        if len(indices):
            lines.append(f"{name}: {count(len(indices), 'tile', 'tiles')}: {_first(indices)}")
    lines += [f"broken: tile {bad.index}: {bad.why}" for bad in found.bad[:MAX_INDICES]]
    if len(found.bad) > MAX_INDICES:
        lines.append(f"broken: {len(found.bad) - MAX_INDICES:,} more tiles; all with --json")
    return lines


def _first(indices: Sequence[int]) -> str:
    more = ", ...; all with --json" if len(indices) > MAX_INDICES else ""
    return ", ".join(str(index) for index in indices[:MAX_INDICES]) + more
