"""Extractions in small batches, stopped and gone on with."""

import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import patchplan
from patchplan.extracting.batches import batches
from tests.extracting.making import ENDS
from tests.extracting.stopping import StoppedError, stop_here, stopping_after
from tests.grown import grown

ROWS = 5
N_BATCHES = 15
TILED = {"name": "tiled", "patch_size": 8, "overlaps": 2}


def later(path: Path) -> None:
    """Give a file another time of change, also where two changes come at once."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def extract(made: Path, folder: Path, kind: str, **options: Any) -> Path:
    """Extract as one kind of output into a folder."""
    formats: Any = {"format": kind} if kind in ("npy", "tif") else {}
    patchplan.extract(made / "p.csv", folder / ENDS[kind], **formats, **options)
    return folder / ENDS[kind]


def stop(made: Path, folder: Path, kind: str, after: int, order: list[int] | None = None, **options: Any) -> Path:
    """Stop when so many batches are noted, which begin in this order; return what is left of the output."""

    def shuffled(*args):
        found = list(batches(*args))
        return [found[k] for k in order or range(len(found))]

    with (
        mock.patch("patchplan.extracting.writing.batches", shuffled),
        stopping_after(after, stop_here),
        pytest.raises(StoppedError),
    ):
        extract(made, folder, kind, **options)
    return grown(folder / f"{ENDS[kind]}.partial")


def files_of(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
