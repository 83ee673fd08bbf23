"""What must be the same everywhere, as it decides the bytes that are written."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

DECIDING = ("patchplan", "numpy", "tensorstore", "zarr", "imagecodecs", "tifffile")


@cache
def versions() -> dict[str, str]:
    """Return the versions of this process."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    for name in DECIDING:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def difference(wanted: dict[str, str]) -> str | None:
    """Return how this process differs from others, naming the first package, or None."""
    here = versions()
    return next(
        (
            f"has {name} {here.get(name)}, and {name} {found} is asked for"
            for name, found in wanted.items()
            if here.get(name) != found
        ),
        None,
    )
