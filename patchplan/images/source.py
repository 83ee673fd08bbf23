"""A lazy image: known without its pixels, read by region, padded outside."""

from collections.abc import Sequence
from operator import index
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.axes import spatial_axes
from patchplan.errors import ConfigError, ShapeError
from patchplan.images.boundary import naming
from patchplan.images.layout import Layout, resolve
from patchplan.images.limits import check_region
from patchplan.images.padding import PAD_MODES, PadMode, pick
from patchplan.images.pool import POOL
from patchplan.images.reading import Described


class ImageSource:
    """One image, read by region.

    The file is opened when the first region is read, and again after `close`; many sources share a bounded
    number of open files. Reads are safe from several threads. A pickled source is small and reopens its file
    in the other process.
    """

    def __init__(self, described: Described, layout: Layout, z_as_samples: bool = False) -> None:
        self.info = described.info
        self._described = described
        self._layout = layout
        self._z_as_samples = z_as_samples

    @property
    def uri(self) -> str:
        """Path as found."""
        return self.info.uri

    @property
    def kind(self) -> str:
        """File format."""
        return self.info.kind

    @property
    def axes(self) -> str:
        """Letters in file order."""
        return self.info.axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape in file order."""
        return self.info.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type, native byte order."""
        return np.dtype(self.info.dtype)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Chunk (TIFF: tile or strip) shape in file order."""
        return self.info.chunks

    @property
    def spatial_chunks(self) -> tuple[int, ...]:
        """Chunk shape on the (Z)YX axes of `data_shape`; ones where there are no chunks."""
        if self.chunks is None:
            return (1,) * self.ndim
        return tuple(max(1, self.chunks[axis]) for axis in self._layout.spatial)

    @property
    def shards(self) -> tuple[int, ...] | None:
        """Shard shape in file order."""
        return self.info.shards

    @property
    def pixel_size(self) -> tuple[float, ...] | None:
        """Pixel size on the (Z)YX axes of the file."""
        return self.info.pixel_size

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape as S C (Z) Y X."""
        return self._layout.data_shape

    @property
    def ndim(self) -> int:
        """Number of spatial axes of `data_shape`."""
        return self._layout.ndim

    @property
    def layout(self) -> Layout:
        """Which file axes are samples, channels and space."""
        return self._layout

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two sources of the same pixels."""
        return self._described.identity

    def __repr__(self) -> str:
        return f"<ImageSource {self.uri} {self.axes} {self.shape} {self.info.dtype}>"

    def with_ndim(self, ndim: int | None) -> "ImageSource":
        """Return this image with 2 or 3 spatial axes.

        Parameters
        ----------
        ndim : int or None
            2 drops a Z of size 1; 3 keeps it; None is spatial Z where it is longer than 1.

        Raises
        ------
        ImageError
            If the axes do not fit, saying which option makes them fit.
        """
        with naming(self.uri):
            layout = resolve(self.axes, self.shape, ndim=ndim, z_as_samples=self._z_as_samples)
        return ImageSource(self._described, layout, self._z_as_samples)

    def read(
        self,
        sample_idx: int,
        coords: Sequence[int],
        size: Sequence[int],
        channels: Sequence[int] | None = None,
        *,
        pad_mode: PadMode = "constant",
    ) -> NDArray[Any]:
        """Read a region.

        Parameters
        ----------
        sample_idx : int
            Number of the sample.
        coords, size : sequence of int
            Start and size in (Z)YX order; may lie outside the image.
        channels : sequence of int, optional
            Channels in the order wanted; all by default.
        pad_mode : {"constant", "reflect", "edge"}
            What lies outside the image: zeros, its mirror image (edge pixel not repeated) or its edge.

        Returns
        -------
        NDArray
            C (Z) Y X, native byte order.

        Raises
        ------
        ShapeError
            For a sample or channel that the image lacks, or coordinates that do not fit its axes or are no
            integers.
        ConfigError
            For another `pad_mode`.
        ImageError
            If the file cannot be read.
        """
        sample_idx, coords, size, channels = self._checked(sample_idx, coords, size, channels)
        if pad_mode not in PAD_MODES:
            raise ConfigError(f"pad_mode: found {pad_mode!r}; allowed: {', '.join(PAD_MODES)}")
        n_spatial = self.data_shape[2:]
        pieces = [pick(start, length, n, pad_mode) for start, length, n in zip(coords, size, n_spatial, strict=True)]
        n_channels = self.data_shape[1] if channels is None else len(channels)
        with naming(self.uri, "cannot be read"):
            check_region((n_channels, *size), self.dtype)
            if any(piece.inside.start >= piece.inside.stop for piece in pieces) or not n_channels:
                return np.zeros((n_channels, *size), self.dtype)
            block = self._load(sample_idx, [piece.inside for piece in pieces], channels)
            for axis, piece in enumerate(pieces, start=1):
                block = piece.apply(block, axis)
        return block

    def _load(self, sample_idx: int, spatial: Sequence[slice], channels: Sequence[int] | None) -> NDArray[Any]:
        """Read what lies inside the image."""
        with POOL.reader(self._described.recipe) as reader:
            parts = [
                self._layout.to_data(reader.read(box)) for box in self._layout.boxes(sample_idx, spatial, channels)
            ]
        block = parts[0] if len(parts) == 1 else np.concatenate(parts)
        # always a copy that the caller owns: a memory map would keep the file open
        return np.array(block, dtype=self.dtype, order="C", copy=None if block.base is None else True)

    def _checked(
        self, sample_idx: int, coords: Sequence[int], size: Sequence[int], channels: Sequence[int] | None
    ) -> tuple[int, tuple[int, ...], tuple[int, ...], tuple[int, ...] | None]:
        """Return the arguments as Python integers, which do not overflow, or refuse them."""
        sample_idx = self._integers("sample", (sample_idx,))[0]
        coords, size = self._integers("coords", coords), self._integers("size", size)
        channels = None if channels is None else self._integers("channels", channels)
        self._check(sample_idx, coords, size, channels)
        return sample_idx, coords, size, channels

    def _integers(self, what: str, values: Sequence[int]) -> tuple[int, ...]:
        try:
            return tuple(map(index, values))
        except TypeError:
            raise ShapeError(f"{self.uri}: {what} {values} asked for; allowed are integers") from None

    def _check(
        self, sample_idx: int, coords: Sequence[int], size: Sequence[int], channels: Sequence[int] | None
    ) -> None:
        n_samples, n_channels = self.data_shape[:2]
        letters = spatial_axes(self.ndim)
        if not 0 <= sample_idx < n_samples:
            raise ShapeError(f"{self.uri}: sample {sample_idx} asked for; it has samples 0 to {n_samples - 1}")
        if len(coords) != self.ndim or len(size) != self.ndim:
            raise ShapeError(f"{self.uri}: coords {tuple(coords)} and size {tuple(size)} must be in {letters} order")
        if any(length < 1 for length in size):
            raise ShapeError(f"{self.uri}: size {tuple(size)} in {letters} order; every size must be at least 1")
        for channel in channels or ():
            if not 0 <= channel < n_channels:
                raise ShapeError(f"{self.uri}: channel {channel} asked for; it has 0 to {n_channels - 1}")

    def check_unchanged(self) -> None:
        """Check that the file is still what was opened: its size and header, of Zarr the array's metadata.

        Pixels are not compared.

        Raises
        ------
        ImageError
            If it is another, cannot be read, or is gone.
        """
        with naming(self.uri, "cannot be checked"):
            self._described.recipe.check()

    def close(self) -> None:
        """Close the file; a later read opens it again."""
        POOL.close(self._described.recipe)

    def __enter__(self) -> "ImageSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
