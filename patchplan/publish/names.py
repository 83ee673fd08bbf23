"""What lies where in the folder in which an output grows, and which names an output may have."""

import re
from pathlib import Path

from patchplan.errors import OutputError
from patchplan.publish.clearing import Ours, check_ours
from patchplan.publish.files import look
from patchplan.publish.swap import check_way

RUN, JOURNAL, CLOSED, SCRATCH, CHECKSUMS = "run.json", "journal", "closed.json", "scratch", "sha256"
LOCK = "lock"
"""Beside the output, in the folder of a run; those of a share have its number behind them."""

MAX_NAME = 230
"""Bytes of an output's name: systems have 255, and what it is called while it is replaced is longer."""

_NEW = r"(\.[0-9a-f]{8})?\.new"
STATE = re.compile(
    rf"{LOCK}(-\d+)?|({RUN}|{JOURNAL}(-\d+)?|image-\d+\.json|{CLOSED}|{CHECKSUMS})({_NEW})?|{SCRATCH}(-\d+)?(/.*)?"
)
"""Names of all that is ours in that folder, but for the output."""


def partial_of(path: Path) -> Path:
    """Return the folder in which an output grows."""
    return path.with_name(f"{path.name}.partial")


def check_folder(path: Path, *, overwrite: bool, ours: Ours) -> None:
    """Raise OutputError unless a folder may be written under this name, losing no file that is not `ours`."""
    if path.name in ("", ".."):
        raise OutputError(f"{path}: is no name for an output")
    link, folder, exists, parent = look(path)
    if link:
        raise OutputError(f"{path}: is a link; give the name of what it leads to")
    if exists and not folder:
        raise OutputError(f"{path}: is a file, and a folder is to be written; give another name")
    if exists and not overwrite:
        raise OutputError(f"{path}: exists already; use --overwrite to replace it, or another name")
    if not parent:
        raise OutputError(f"{path}: the folder {path.parent} does not exist")
    if exists:
        check_ours(path, ours)
        check_way(path)
