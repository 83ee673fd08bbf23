"""What `verify` found, as lines for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from patchplan.cli.extracted import size
from patchplan.cli.render import count

if TYPE_CHECKING:
    from patchplan.api.verifying import VerifyResult

MAX_FILES = 10
"""Files of each kind that are shown; `--json` has more."""


def show_verified(result: "VerifyResult") -> None:
    """Write what was read, and how it is."""
    kinds = (
        (result.n_changed, "changed"),
        (result.n_missing, "missing"),
        (result.n_extra, "extra"),
        (result.n_unreadable, "unreadable"),
    )
    how = ", ".join(f"{n:,} {kind}" for n, kind in kinds if n) or "all as written"
    typer.echo(f"{result.output}: {count(result.n_files, 'file', 'files')}, {size(result.bytes)}: {how}")


def findings(result: "VerifyResult") -> list[str]:
    r"""Return a line for each of the first files of each kind of finding.

    Examples
    --------
    >>> from patchplan.api.verifying import VerifyResult
    >>> counts = dict(n_files=9, bytes=9, n_changed=0, n_missing=1, n_extra=11, n_unreadable=0)
    >>> listed = dict(changed=(), missing=("out/\n",), extra=("out/x",) * 11, unreadable=())
    >>> lines = findings(VerifyResult(output="out", **counts, **listed))
    >>> lines[0], lines[1], lines[-1]
    ('missing: out/\\n', 'extra: out/x: has no checksum', 'extra: 1 more file; all with --json')
    """
    changed = [f"{one.path}: found {one.found}, expected {one.expected}" for one in result.changed[:MAX_FILES]]
    extra = [f"{path}: has no checksum" for path in result.extra[:MAX_FILES]]
    unreadable = [f"{one.path}: {one.why}" for one in result.unreadable[:MAX_FILES]]
    return [
        *_lines("changed", changed, result.n_changed, len(result.changed)),
        *_lines("missing", result.missing[:MAX_FILES], result.n_missing, len(result.missing)),
        *_lines("extra", extra, result.n_extra, len(result.extra)),
        *_lines("unreadable", unreadable, result.n_unreadable, len(result.unreadable)),
    ]


def _lines(kind: str, shown: Sequence[str], n: int, listed: int) -> list[str]:
    lines = [f"{kind}: {_printable(text)}" for text in shown]
    if n > len(shown):
        which = "all" if listed == n else f"the first {listed:,}"
        lines.append(f"{kind}: {count(n - len(shown), 'more file', 'more files')}; {which} with --json")
    return lines


def _printable(text: str) -> str:
    """Return a name that cannot steer a terminal."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
