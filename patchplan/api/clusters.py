"""Clusters as users name them: when they may be used, and what their workers must see."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from patchplan.cluster import Cluster, told_path
from patchplan.errors import ConfigError, OutputError, TilesError
from patchplan.objects import Location
from patchplan.stitching.target import Target

NOT_SHARED = (
    "--scheduler: a .npy file has no pieces that several machines may write; allowed: --scheduler local, or another "
    "kind of output"
)


def check_scheduled(target: Target, tiles: Sequence[Location], *, shared: bool) -> None:
    """Raise an error for what the workers of a cluster cannot do."""
    if shared:
        raise ConfigError("--scheduler: not with --share; a cluster has its own way to share the blocks")
    if target.kind == "memory":
        raise OutputError("--scheduler: workers write what they compute; name an output with -o OUT")
    if not tiles:
        raise TilesError(
            "--scheduler: the tiles are arrays or objects in memory, which workers do not see; write them to a stack "
            "or a folder of files"
        )
    _check_installed()


def check_filtered(*, there: bool) -> None:
    """Raise an error for a plan whose filter workers are to measure, if there is none, or no library for it."""
    if not there:
        raise ConfigError("--scheduler: workers read the pixels for a filter, and there is none in the config")
    _check_installed()


def _check_installed() -> None:
    from patchplan.cluster.connecting import check_installed

    check_installed()


@contextmanager
def connected(scheduler: Any, workers: int, seen: Sequence[Location], *, whole: bool) -> Iterator[Cluster | None]:
    """Yield a cluster whose workers see these paths, None without one; `whole` says that the output is one file.

    What is not here either is told by who opens it.
    """
    if scheduler is None:
        yield None
        return
    from patchplan.cluster.connecting import connect
    from patchplan.cluster.dask import LOCAL

    if whole and isinstance(scheduler, str) and scheduler != LOCAL:
        raise ConfigError(NOT_SHARED)
    here = [told_path(path) for path in seen if not isinstance(path, Path) or path.exists()]
    with connect(scheduler, workers=workers, paths=here) as cluster:
        if whole and cluster is not None and not cluster.on_this_machine:
            raise ConfigError(NOT_SHARED)
        yield cluster
