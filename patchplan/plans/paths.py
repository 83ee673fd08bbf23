"""Paths in a header: of images, tables and masks, seen from the folder that they start from."""

import os
import posixpath
from pathlib import Path

from patchplan.objects import Location, ObjectPath, location


def relative(path: str, base: Location) -> str:
    """Return a path relative to a folder or prefix, with forward slashes.

    Absolute where there is no way: to another drive or bucket, or from a disk to an object store.

    Examples
    --------
    >>> base = location("s3://bucket/plans")
    >>> relative("s3://bucket/images/a.zarr", base), relative("s3://other/a.zarr", base)
    ('../images/a.zarr', 's3://other/a.zarr')
    """
    there = location(path)
    if isinstance(there, ObjectPath):
        if not isinstance(base, ObjectPath) or (there.scheme, there.bucket) != (base.scheme, base.bucket):
            return str(there)
        return posixpath.relpath(f"/{there.key}", f"/{base.key}")
    if isinstance(base, ObjectPath):
        return there.absolute().as_posix()
    file, folder = there, base
    if base.resolve() != Path(os.path.abspath(base)):  # noqa: PTH100
        # ".." climbs out of where a link leads, not of the link
        file, folder = file.parent.resolve() / file.name, base.resolve()
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:
        return file.absolute().as_posix()
