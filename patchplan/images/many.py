"""Open many images at once."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from patchplan.errors import ImageError
from patchplan.images.discover import search
from patchplan.images.info import Options
from patchplan.images.opening import open_members
from patchplan.images.source import ImageSource
from patchplan.objects import Location, Uri

MAX_NAMED = 10
"""Broken files named in one message."""

N_PROBED = 16
"""Files opened one by one, to see whether they are waited for."""

WORTH_THREADS = 0.005
"""Seconds waited per file from which threads help. Parsing holds the interpreter lock: on a local disk, where
only parsing takes time, 4 threads took 1.9 times as long as one (10,000 TIFFs, measured)."""

LATENCY_WORKERS = 16


@dataclass(frozen=True)
class Found:
    """Images that opened, in order, and why others are left out.

    `skipped` holds the errors of broken ones, with `skip_broken`, and stacks of patches found in folders.
    """

    sources: list[ImageSource]
    skipped: list[ImageError]


def open_all(
    inputs: Sequence[Uri],
    *,
    axes: str | None = None,
    series: int | None = None,
    level: int | None = None,
    array: str | None = None,
    z_as_samples: bool = False,
    skip_broken: bool = False,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> Found:
    """Find and open images; collections give all their members.

    Parameters
    ----------
    inputs : sequence of path or URL
        See `find_images`.
    axes, series, level, array, z_as_samples
        See `open_image`; they hold for every input.
    skip_broken : bool
        Return the errors instead of raising them, also those of single members of a collection. Inputs that
        do not exist raise all the same.
    progress : callable, optional
        Called with the number of files done and their total.
    workers : int, optional
        Threads; by default one, or several where the first files had to be waited for.

    Raises
    ------
    ImageError
        Naming the broken files, if there are any, or if nothing is left to open.
    """
    searched = search(inputs)
    paths = searched.paths
    options = Options(axes, series, level, array, z_as_samples)
    sources: dict[tuple[object, ...], ImageSource] = {}
    broken: list[ImageError] = []
    n_found = 0
    for done, members in enumerate(_open_each(paths, options, workers), start=1):
        n_found += len(members)
        for member in members:
            if isinstance(member, ImageError):
                broken.append(member)
            else:
                sources.setdefault(member.identity, member)
        if progress is not None:
            progress(done, len(paths))
    if broken and (not skip_broken or not sources):
        raise _all_broken(broken, n_found)
    if not sources:
        raise ImageError("no images given")
    return Found(list(sources.values()), [*searched.left_out, *broken])


def _open_each(
    paths: Sequence[Location], options: Options, workers: int | None
) -> Iterator[list[ImageSource | ImageError]]:
    """Yield the images of each path, or why they cannot be opened, in order."""

    def one(path: Location) -> list[ImageSource | ImageError]:
        return list(open_members(path, options))

    probe = 0 if workers is not None else N_PROBED
    waited = -(time.perf_counter() - time.thread_time())
    probed = list(map(one, paths[:probe]))
    waited += time.perf_counter() - time.thread_time()
    yield from probed
    rest = paths[probe:]
    if workers is None:
        workers = LATENCY_WORKERS if waited > WORTH_THREADS * len(probed) else 1
    if workers <= 1 or not rest:
        yield from map(one, rest)
        return
    with ThreadPoolExecutor(min(workers, len(rest)), "patchplan-open") as pool:
        yield from pool.map(one, rest)


def _all_broken(broken: Sequence[ImageError], n_found: int) -> ImageError:
    if len(broken) == 1:
        return broken[0]
    named = "; ".join(str(error) for error in broken[:MAX_NAMED])
    more = f"; and {len(broken) - MAX_NAMED} more" if len(broken) > MAX_NAMED else ""
    return ImageError(f"{len(broken)} of {n_found} images cannot be opened: {named}{more}")
