"""Where a path leads from a folder or prefix."""

import os
from pathlib import Path

from patchplan.objects.path import Location, is_url, location


def placed(root: Location, path: str) -> Location:
    """Return where a path leads from a folder or prefix; one that is whole leads there from anywhere.

    Examples
    --------
    >>> str(placed(location("s3://bucket/plans"), "../a.tif")), placed(Path("plans"), "a.tif").as_posix()
    ('s3://bucket/a.tif', 'plans/a.tif')
    """
    if is_url(path):
        return location(path)
    return root / path if isinstance(root, Path) or not os.path.isabs(path) else Path(path)  # noqa: PTH117
