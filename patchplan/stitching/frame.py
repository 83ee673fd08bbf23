"""One output image: which axes it has, and where samples, channels and space of the plan go in it.

source     T Z C Y X     as the file was planned
plan       S C (Z) Y X   samples flattened in C order of the file's axes that are samples
.npy       T Z C Y X     the source's order back
OME        T C Z Y X     samples become T, Z planes counted as samples become Z again; RGB is last in TIFF
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import SPATIAL
from patchplan.images.boundary import naming
from patchplan.images.layout import Box, Layout, resolve
from patchplan.plans.header import ImageRecord
from patchplan.stitching.words import OutputFormat

OutputKind = OutputFormat | Literal["memory"]


@dataclass(frozen=True)
class Frame:
    """An output image, and how blocks of a plan's image lie in it.

    Parameters
    ----------
    axes : str
        A letter per axis of the output, upper case.
    shape : tuple of int
        In the same order.
    dtype : dtype
        In native byte order.
    pixel_size : tuple of float or None
        Size of an output pixel on those of Z, Y and X that are in `axes`, in that order.
    pixel_unit : str or None
        Its unit.
    name : str
        What the image is called in metadata.
    samples : tuple of (int, int)
        Size and output axis of each axis that the plan's samples were flattened from, in C order; several
        may share an output axis.
    channels, space : tuple of int
        Output axes that channels are flattened from, and those of (Z)YX.
    notes : tuple of str
        What a user should know, one line each.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    pixel_size: tuple[float, ...] | None
    pixel_unit: str | None
    name: str
    samples: tuple[tuple[int, int], ...]
    channels: tuple[int, ...]
    space: tuple[int, ...]
    notes: tuple[str, ...] = ()

    @property
    def n_samples(self) -> int:
        """Number of samples of the plan."""
        return prod(size for size, _ in self.samples)

    @property
    def n_channels(self) -> int:
        """Number of channels of a block; 1 for an output without."""
        return prod(self.shape[axis] for axis in self.channels)

    @property
    def spatial(self) -> tuple[int, ...]:
        """Size in (Z)YX of the plan."""
        return tuple(self.shape[axis] for axis in self.space)

    def size_of(self, letter: str) -> float | None:
        """Return the pixel size on Z, Y or X; None where it is not known."""
        present = [one for one in SPATIAL if one in self.axes]
        if self.pixel_size is None or letter not in present:
            return None
        return self.pixel_size[present.index(letter)]

    def box(self, sample_idx: int, start: Sequence[int], stop: Sequence[int]) -> Box:
        """Return where the pixels [start, stop), in (Z)YX, of a sample are in the output; all channels."""
        pieces = [slice(0, 1)] * len(self.axes)
        for axis, index in self._sample_indices(sample_idx).items():
            pieces[axis] = slice(index, index + 1)
        for axis in self.channels:
            pieces[axis] = slice(0, self.shape[axis])
        for axis, first, last in zip(self.space, start, stop, strict=True):
            pieces[axis] = slice(int(first), int(last))
        return tuple(pieces)

    def _sample_indices(self, sample_idx: int) -> dict[int, int]:
        """Return the index on each output axis that samples go to."""
        indices, factors = {axis: 0 for _, axis in self.samples}, {axis: 1 for _, axis in self.samples}
        for size, axis in reversed(self.samples):
            sample_idx, here = divmod(sample_idx, size)
            indices[axis] += here * factors[axis]
            factors[axis] *= size
        return indices

    def to_output(self, block: NDArray[Any]) -> NDArray[Any]:
        """Return a block C(Z)YX in the order of the output's axes, as it fits its `box`; a view where possible."""
        moved = (*self.channels, *self.space)
        rest = [axis for axis in range(len(self.axes)) if axis not in moved]
        shape = [1] * len(rest) + [self.shape[axis] for axis in self.channels] + list(block.shape[1:])
        return block.reshape(shape).transpose(np.argsort([*rest, *moved]))


def make_frame(
    record: ImageRecord,
    kind: OutputKind,
    *,
    ndim: int,
    z_as_samples: bool,
    n_channels: int | None,
    dtype: np.dtype[Any],
    scale: Sequence[Fraction] | None = None,
    name: str = "",
) -> Frame:
    """Return the output image for an image of a plan.

    Parameters
    ----------
    record : ImageRecord
        The image as it was planned.
    kind : "memory", "npy", "ome-zarr" or "ome-tiff"
        What is written.
    ndim, z_as_samples
        How the plan saw the image.
    n_channels : int or None
        Channels of what is written; None where a reduction has dropped them.
    dtype : dtype
        Of what is written.
    scale : sequence of Fraction, optional
        Output pixels per input pixel on each of (Z)YX.
    name : str
        What the image is called.

    Raises
    ------
    ImageError
        If the record's axes do not give a plan's image of so many axes.
    """
    with naming(record.uri):
        layout = resolve(record.axes, record.shape, ndim=ndim, z_as_samples=z_as_samples)
    factors = (Fraction(1),) * ndim if scale is None else tuple(scale)
    sizes = {axis: ceil(layout.shape[axis] * factor) for axis, factor in zip(layout.spatial, factors, strict=True)}
    source = _Source(record.axes, layout, sizes, n_channels)
    build = source.in_file_order if kind in ("memory", "npy") else source.in_ome_order
    axes, shape, samples, channels = build(rgb=kind == "ome-tiff" and _is_rgb(record, n_channels, dtype))
    return Frame(
        axes=axes,
        shape=shape,
        dtype=np.dtype(dtype).newbyteorder("="),
        pixel_size=_pixel_size(record, layout, factors),
        pixel_unit=record.pixel_unit,
        name="".join(c if c.isprintable() else "_" for c in name),
        samples=samples,
        channels=channels,
        space=tuple(axes.index(letter) for letter in SPATIAL[-ndim:]),
        notes=() if kind in ("memory", "npy") else source.notes(),
    )


def _is_rgb(record: ImageRecord, n_channels: int | None, dtype: np.dtype[Any]) -> bool:
    """Return whether channels are colours: they were last in the source, and are three of 8 or 16 bits."""
    return record.axes.endswith("C") and n_channels == 3 and np.dtype(dtype) in (np.uint8, np.uint16)


def _pixel_size(record: ImageRecord, layout: Layout, factors: Sequence[Fraction]) -> tuple[float, ...] | None:
    """Return the size of an output pixel: what is cut finer gets smaller pixels."""
    if record.pixel_size is None:
        return None
    by_letter = {record.axes[axis]: factor for axis, factor in zip(layout.spatial, factors, strict=True)}
    present = [letter for letter in SPATIAL if letter in record.axes]
    return tuple(
        float(size / by_letter.get(letter, 1)) for letter, size in zip(present, record.pixel_size, strict=True)
    )


_Placed = tuple[str, tuple[int, ...], tuple[tuple[int, int], ...], tuple[int, ...]]
"""Axes, shape, samples and channels of a frame."""


@dataclass(frozen=True)
class _Source:
    """A source image: its axes, what they are for the plan, and sizes of its spatial axes in the output."""

    axes: str
    layout: Layout
    sizes: dict[int, int]
    n_channels: int | None

    @property
    def has_channels(self) -> bool:
        """Whether the output has C: the source had it, or there are several channels now."""
        return self.n_channels is not None and (bool(self.layout.channels) or self.n_channels > 1)

    def in_file_order(self, *, rgb: bool) -> _Placed:
        del rgb
        kept = self.layout.channels if self.n_channels == self.layout.n_channels else self.layout.channels[:1]
        entries = [
            (letter, i)
            for i, letter in enumerate(self.axes)
            if letter != "C" or (self.n_channels is not None and i in kept)
        ]
        if self.has_channels and not self.layout.channels:
            first = next(place for place, (letter, _) in enumerate(entries) if letter in SPATIAL)
            entries.insert(first, ("C", -1))
        axes, places = "".join(letter for letter, _ in entries), [i for _, i in entries]
        restored = self.n_channels == self.layout.n_channels and bool(self.layout.channels)
        shape = tuple(
            self.sizes.get(i, self.layout.shape[i]) if letter != "C" or restored else int(self.n_channels or 1)
            for letter, i in entries
        )
        samples = tuple((self.layout.shape[i], places.index(i)) for i in self.layout.samples)
        return axes, shape, samples, tuple(i for i, letter in enumerate(axes) if letter == "C")

    def in_ome_order(self, *, rgb: bool) -> _Placed:
        present = {"T": bool(self._shared()), "C": self.has_channels, "Z": "Z" in self.axes, "Y": True, "X": True}
        axes = "".join(letter for letter in ("TZYXC" if rgb else "TCZYX") if present[letter])
        size = {letter: self._size(letter) for letter in SPATIAL if letter in axes}
        size["T"] = prod(self.layout.shape[i] for i in self._shared())
        size["C"] = int(self.n_channels or 1)
        samples = tuple(
            (self.layout.shape[i], axes.index("Z" if self.axes[i] == "Z" else "T")) for i in self.layout.samples
        )
        return axes, tuple(size[one] for one in axes), samples, (axes.index("C"),) if "C" in axes else ()

    def _size(self, letter: str) -> int:
        place = self.axes.index(letter)
        return self.sizes.get(place, self.layout.shape[place])

    def _shared(self) -> list[int]:
        """Return the sample axes that become T."""
        return [i for i in self.layout.samples if self.axes[i] != "Z"]

    def notes(self) -> tuple[str, ...]:
        shared = self._shared()
        if len(shared) < 2:
            return ()
        found = ", ".join(f"{self.axes[i]} of {self.layout.shape[i]}" for i in shared)
        return (f"axes {found} become one axis T, the last changing fastest; .npy keeps them apart",)
