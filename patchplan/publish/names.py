"""What lies where in the folder in which an output grows, and which names an output may have."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import overload

from patchplan.errors import OutputError
from patchplan.objects import Location, ObjectPath
from patchplan.publish.clearing import Ours, check_ours
from patchplan.publish.files import look
from patchplan.publish.leases import refuse_held
from patchplan.publish.swap import check_way

RUN, JOURNAL, CLOSED, SCRATCH, CHECKSUMS = "run.json", "journal", "closed.json", "scratch", "sha256"
DONE, UPLOADING = "done", "uploading"
LOCK = "lock"
"""Beside the output, in the folder of a run; those of a share have its number behind them."""

MAX_NAME = 230
"""Bytes of an output's name: systems have 255, and what it is called while it is replaced is longer."""

_NEW = r"(\.[0-9a-f]{8})?\.new"
STATE = re.compile(
    rf"{LOCK}(-\d+)?|({RUN}|{JOURNAL}(-\d+)?|image-\d+\.json|{CLOSED}|{CHECKSUMS})({_NEW})?|{SCRATCH}(-\d+)?(/.*)?"
    rf"|{JOURNAL}(-\d+)?/\d{{6}}-\d{{9}}|{DONE}|{UPLOADING}"
)
"""Names of all that is ours in that folder, but for the output."""


@overload
def partial_of(path: Path) -> Path: ...
@overload
def partial_of(path: ObjectPath) -> ObjectPath: ...
@overload
def partial_of(path: Location) -> Location: ...
def partial_of(path: Location) -> Location:
    """Return the folder in which an output grows, or what is beside it where it grows in its place."""
    return path.parent / f"{path.name}.partial"


def run_folder(place: Location) -> Location:
    """Return the folder of the run of an output that grows in a place: in an object store that is the output's name."""
    return place.parent if isinstance(place, Path) else partial_of(place)


def left_in(partial: Location) -> list[str]:
    """Return what lies in the folder of a run, but for locks."""
    return [entry.name for entry in partial.iterdir() if not re.fullmatch(rf"{LOCK}(-\d+)?", entry.name)]


def check_left(partial: Location, names: Sequence[str], *, overwrite: bool, resume: bool) -> None:
    """Raise OutputError unless what a stopped run left, with nothing to go on with, may be removed."""
    if not (overwrite or resume):
        raise _stopped(partial)
    if not overwrite and any(name.startswith(JOURNAL) for name in names):
        raise OutputError(
            f"{partial}: has a journal and no {RUN}, and nobody can tell what the run was; use --overwrite to begin "
            "anew"
        )


def _stopped(partial: Location) -> OutputError:
    return OutputError(
        f"{partial}: is left from a run that was stopped; use --resume to go on with it, or --overwrite to begin anew"
    )


def _check_stopped(path: Location) -> None:
    """Raise OutputError if what is there is the beginning of an output, which grows in its place."""
    if isinstance(path, ObjectPath) and is_stopped(path):
        refuse_held(partial_of(path) / LOCK)
        raise _stopped(partial_of(path))


def is_stopped(path: Location) -> bool:
    """Tell whether a run was stopped that another may go on with, or that left part of an output under its name."""
    return any((partial_of(path) / name).is_file() for name in (RUN, UPLOADING))


def is_state(name: str) -> bool:
    """Tell whether a file in the folder of a run is ours, by its path in it."""
    return STATE.fullmatch(name) is not None


def check_folder(path: Location, *, overwrite: bool, ours: Ours) -> None:
    """Raise OutputError unless a folder may be written under this name, losing no file that is not `ours`."""
    if path.name in ("", ".."):
        raise OutputError(f"{path}: is no name for an output")
    link, folder, exists, parent = look(path)
    if link:
        raise OutputError(f"{path}: is a link; give the name of what it leads to")
    if exists and not folder:
        raise OutputError(f"{path}: is a file, and a folder is to be written; give another name")
    if exists and not overwrite:
        _check_stopped(path)
        raise OutputError(f"{path}: exists already; use --overwrite to replace it, or another name")
    if not parent:
        raise OutputError(f"{path}: the folder {path.parent} does not exist")
    if exists:
        check_ours(path, ours)
        if isinstance(path, Path):
            check_way(path)
