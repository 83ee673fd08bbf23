"""From the axes of a file to S C (Z) Y X, and from a box there to boxes in the file.

file axes   T Z C Y X          what an image calls them
samples     T                  all that is neither channel nor space, flattened in C order
channels        C              several C axes (C and colour samples) flattened in C order
spatial       Z   Y X
dropped     (Z)                Z of size 1 in a 2-D layout, read at index 0
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import SPATIAL
from patchplan.images.boundary import RefusedError

Box = tuple[slice, ...]
"""A half-open box with plain start and stop, one slice per axis."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which axes of a file are samples, channels and space: positions in file order.

    `spatial` is in (Z)YX order, the others in file order.
    """

    shape: tuple[int, ...]
    samples: tuple[int, ...]
    channels: tuple[int, ...]
    spatial: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.spatial)

    @property
    def n_channels(self) -> int:
        """Number of channels; 1 for an image without."""
        return prod(self.shape[axis] for axis in self.channels)

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape as S C (Z) Y X."""
        n_samples = prod(self.shape[axis] for axis in self.samples)
        return (n_samples, self.n_channels, *(self.shape[axis] for axis in self.spatial))

    def boxes(self, sample_idx: int, spatial: Sequence[slice], channels: Sequence[int] | None) -> list[Box]:
        """Return the boxes of the file that hold a region, one after the other along the channels.

        All channels are one box, otherwise each run of neighbouring channels is one, so that no chunk of a
        channel that is not wanted gets read.
        """
        base = [slice(0, 1)] * len(self.shape)
        for axis, index in zip(self.samples, _unravel(sample_idx, self.shape, self.samples), strict=True):
            base[axis] = slice(index, index + 1)
        for axis, piece in zip(self.spatial, spatial, strict=True):
            base[axis] = piece
        return [self._with_channels(base, run) for run in self._channel_runs(channels)]

    def _channel_runs(self, channels: Sequence[int] | None) -> list[range]:
        """Return runs of channels that one box holds each."""
        if channels is None or list(channels) == list(range(self.n_channels)):
            return [range(self.n_channels)]
        if len(self.channels) != 1:
            return [range(c, c + 1) for c in channels]
        runs = groupby(enumerate(channels), key=lambda pair: pair[1] - pair[0])
        return [range((run := [c for _, c in pairs])[0], run[-1] + 1) for _, pairs in runs]

    def _with_channels(self, base: list[slice], run: range) -> Box:
        box = list(base)
        if len(run) == self.n_channels:
            pieces = [slice(0, self.shape[axis]) for axis in self.channels]
        elif len(self.channels) == 1:
            pieces = [slice(run.start, run.stop)]
        else:
            pieces = [slice(i, i + 1) for i in _unravel(run.start, self.shape, self.channels)]
        for axis, piece in zip(self.channels, pieces, strict=True):
            box[axis] = piece
        return tuple(box)

    def to_data(self, block: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return a block in file axis order as C (Z) Y X."""
        order = (*self.channels, *self.spatial)
        rest = [axis for axis in range(len(self.shape)) if axis not in order]
        moved = block.transpose(*rest, *order)
        space = moved.shape[len(moved.shape) - self.ndim :] if self.ndim else ()
        return moved.reshape(-1, *space)


def _unravel(index: int, shape: tuple[int, ...], axes: tuple[int, ...]) -> list[int]:
    """Split a flat index over the given axes, in C order."""
    indices = []
    for axis in reversed(axes):
        index, here = divmod(index, shape[axis])
        indices.append(here)
    return indices[::-1]


def resolve(axes: str, shape: Sequence[int], *, ndim: int | None = None, z_as_samples: bool = False) -> Layout:
    """Return which axes are samples, channels and space.

    Parameters
    ----------
    axes : str
        A letter per axis, upper case. X and Y exactly once, Z at most once; C may be several axes; all
        other letters are samples.
    shape : sequence of int
        In the same order.
    ndim : int, optional
        2 drops a Z of size 1, 3 needs Z. Without it Z is spatial where it is longer than 1.
    z_as_samples : bool
        Count Z among the samples.

    Raises
    ------
    ImageError
        For axes that make no image, or that do not give `ndim` spatial axes.

    Examples
    --------
    >>> resolve("TZCYX", (3, 5, 2, 196, 171)).data_shape
    (3, 2, 5, 196, 171)
    >>> resolve("TZCYX", (3, 5, 2, 196, 171), z_as_samples=True).data_shape
    (15, 2, 196, 171)
    """
    shape = tuple(int(size) for size in shape)
    _check(axes, shape)
    channels = tuple(i for i, letter in enumerate(axes) if letter == "C")
    spatial_letters = SPATIAL[1:] if z_as_samples or not _is_volume(axes, shape, ndim) else SPATIAL
    spatial = tuple(axes.index(letter) for letter in spatial_letters)
    samples = tuple(i for i in range(len(axes)) if i not in channels and i not in spatial)
    if not z_as_samples and len(spatial) == 2 and "Z" in axes:
        samples = tuple(i for i in samples if axes[i] != "Z")
    if ndim is not None and len(spatial) != ndim:
        raise RefusedError(f"axes {axes} have {len(spatial)} spatial axes with --z-as-samples, {ndim} are asked for")
    return Layout(shape, samples, channels, spatial)


def _check(axes: str, shape: tuple[int, ...]) -> None:
    if len(axes) != len(shape):
        raise RefusedError(f"axes {axes} are {len(axes)} letters for {len(shape)} axes of shape {shape}")
    for letter in "YX":
        if axes.count(letter) != 1:
            raise RefusedError(f"axes {axes} must have {letter} exactly once; say what they are with --axes")
    if axes.count("Z") > 1:
        raise RefusedError(f"axes {axes} must have Z at most once; say what they are with --axes")
    for letter, size in zip(axes, shape, strict=True):
        if size < 1:
            raise RefusedError(f"axis {letter} has size {size} (axes {axes}, shape {shape}): the image is empty")


def _is_volume(axes: str, shape: tuple[int, ...], ndim: int | None) -> bool:
    """Return whether Z is a spatial axis, or refuse."""
    depth = shape[axes.index("Z")] if "Z" in axes else 0
    if ndim == 2 and depth > 1:
        raise RefusedError(
            f"axes {axes} have Z of size {depth}, 2 spatial axes are asked for; give 3, or --z-as-samples"
        )
    if ndim == 3 and not depth:
        raise RefusedError(f"axes {axes} have no Z, 3 spatial axes are asked for; {_hint(axes)}")
    if ndim not in (None, 2, 3):
        raise RefusedError(f"{ndim} spatial axes are asked for; allowed are 2 and 3")
    return depth > 1 if ndim is None else ndim == 3


def _hint(axes: str) -> str:
    """Return how to say that an axis of samples is Z."""
    others = [letter for letter in axes if letter not in "CZYX"]
    if not others:
        return "give 2"
    first = next((letter for letter in others if letter != "T"), others[0])
    return f"give 2, or --axes {axes.replace(first, 'Z', 1)} if {first} is depth"


def parse_override(text: str, shape: Sequence[int], found: str | None) -> str:
    """Check axes given by the user and return them in upper case.

    X and Y exactly once, Z, C and T at most once, other letters are samples.
    """
    axes = text.strip().upper().replace(",", "")
    allowed = "allowed are X and Y once, Z, C and T at most once, other letters for samples"
    file_says = f"the file's axes are {found}" if found else "the file names none"
    if len(axes) != len(shape):
        raise RefusedError(f"--axes {text} are {len(axes)} letters for shape {tuple(shape)}; {file_says}")
    bad = [c for c in axes if not ("A" <= c <= "Z")]
    once = all(axes.count(letter) == 1 for letter in "YX")
    if bad or not once or any(axes.count(letter) > 1 for letter in "ZCT"):
        raise RefusedError(f"--axes {text}: {allowed}; {file_says}")
    return axes


def sample_notes(axes: str, overridden: bool) -> tuple[str, ...]:
    """Return a line for letters read as samples that a user might have meant otherwise."""
    unknown = sorted({letter for letter in axes if letter not in "STCZYX"})
    if overridden or not unknown:
        return ()
    letters, verb = ", ".join(unknown), "is" if len(unknown) == 1 else "are"
    first = next(letter for letter in axes if letter in unknown)
    free = next((letter for letter in "ZCT" if letter not in axes), None)
    hint = f"; say otherwise with --axes {axes.replace(first, free, 1)}" if free else ""
    return (f"axes {axes}: {letters} {verb} read as samples{hint}",)
