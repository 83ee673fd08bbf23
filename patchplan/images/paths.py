"""Small questions about paths that several formats ask."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from patchplan.images.boundary import RefusedError

ZARR_DOCUMENTS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
TIFF_SUFFIXES = (
    *(".tif", ".tiff", ".btf", ".tf2", ".tf8", ".svs", ".scn", ".ndpi"),
    *(".qptiff", ".bif", ".stk", ".lsm", ".gel", ".flex", ".eer", ".zif"),
)
SUFFIXES: dict[str, str] = {
    **dict.fromkeys(TIFF_SUFFIXES, "tiff"),
    ".npy": "npy",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".zarr": "zarr",
    ".zip": "zarr",
    ".ozx": "zarr",
}
PLAN_SUFFIXES = frozenset({".parquet", ".csv", ".json", ".yaml", ".yml"})

Stamp = tuple[int, ...]


def stamp(path: Path) -> Stamp:
    """Return what changes when a file is rewritten in place or replaced."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def same_file(path: Path) -> tuple[int, int]:
    """Return what two paths of the same file or folder have in common."""
    found = path.stat()
    return found.st_dev, found.st_ino


def fingerprint(parts: Iterable[bytes]) -> str:
    """Return a hash of the parts, each with its length, so that no two lists of parts run together."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()[:32]


def is_zarr_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a folder is a Zarr store or a node of one."""
    return any(os.path.exists(os.path.join(path, name)) for name in ZARR_DOCUMENTS)  # noqa: PTH110, PTH118


def file_kind(path: Path) -> str:
    """Return the format of a file or folder by its first bytes, then by its suffix, or refuse."""
    if path.is_dir():
        return _folder_kind(path)
    with path.open("rb") as file:
        head = file.read(16)
    suffix = path.suffix.lower()
    if not head:
        raise RefusedError("the file is empty (0 bytes)")
    if head[:4] == b"PAR1" or suffix in PLAN_SUFFIXES:
        if path.name in ZARR_DOCUMENTS:
            raise RefusedError("is a metadata document of a Zarr store; give the folder that holds it")
        raise RefusedError("is a plan or table, not an image")
    kind = _magic(head) or SUFFIXES.get(suffix)
    if kind is None:
        known = ", ".join(sorted(SUFFIXES))
        raise RefusedError(f"unknown kind of file (suffix {suffix or 'none'}); known are {known}")
    return kind


def _folder_kind(path: Path) -> str:
    if is_zarr_folder(path):
        return "zarr"
    if path.suffix.lower() == ".zarr":
        raise RefusedError(f"is an empty or broken Zarr store: it has none of {', '.join(ZARR_DOCUMENTS)}")
    raise RefusedError(f"is a folder and no Zarr store: it has none of {', '.join(ZARR_DOCUMENTS)}")


def _magic(head: bytes) -> str | None:
    if head[:4] in TIFF_MAGIC:
        return "tiff"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if head[:6] == b"\x93NUMPY":
        return "npy"
    return "zarr" if head[:4] == b"PK\x03\x04" else None
