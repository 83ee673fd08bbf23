"""The images that patches are cut from: a plan's own, or others of the same shapes."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from patchplan.core.axes import spatial_axes
from patchplan.core.specs import IntArray
from patchplan.errors import ConfigError, ImageError
from patchplan.images import ImageSource
from patchplan.objects import Location, location
from patchplan.plans.plan import Plan
from patchplan.tiles.protocol import TileForm

MAX_NAMED = 3
"""Images named in one note."""


class Sources:
    """Images by `data_idx`, opened when they are first needed, and what patches of them look like.

    Parameters
    ----------
    plan : Plan
        Its images are taken where no others are given.
    given : sequence of ImageSource, optional
        Others, in the plan's order.
    channels : sequence of int, optional
        Channels to take, in this order; all by default.

    Raises
    ------
    ImageError
        If images that are given are not as many, or not of the shapes, that the plan has.
    ConfigError
        If an image lacks a channel.
    """

    def __init__(
        self, plan: Plan, given: Sequence[ImageSource] | None = None, channels: Sequence[int] | None = None
    ) -> None:
        self._plan = plan
        self.given = given is not None
        """Whether they are others than the plan's."""
        self._opened = {} if given is None else dict(enumerate(_fitting(plan, given)))
        self.channels = None if channels is None else tuple(channels)
        described = plan.images if given is None else given
        self.uris = [image.uri for image in described]
        """By image, where it is."""
        kinds = [(image.data_shape[1], np.dtype(image.dtype).newbyteorder("=")) for image in described]
        if self.channels is not None:
            for data_idx, (n_channels, _) in enumerate(kinds):
                self._check_channels(data_idx, n_channels, self.channels)
            kinds = [(len(self.channels), dtype) for _, dtype in kinds]
        self._kinds = kinds
        numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
        self.kind_of: IntArray = np.array([numbers[kind] for kind in kinds], np.int64)
        """By image, a number: equal for images of the same channels and dtype."""

    @property
    def paths(self) -> list[Location]:
        """Where the images are."""
        plan = self._plan
        if self.given:
            return list(map(location, self.uris))
        return list(map(plan.image_path, range(len(plan.images))))

    def _check_channels(self, data_idx: int, n_channels: int, channels: Sequence[int]) -> None:
        wrong = [channel for channel in channels if not 0 <= channel < n_channels]
        if wrong:
            raise ConfigError(f"--channels: found {wrong[0]}; {self.name(data_idx)} has channels 0 to {n_channels - 1}")

    def name(self, data_idx: int) -> str:
        """Return how messages call an image."""
        return f"image {data_idx} ({self.uris[data_idx]})"

    def form(self, data_idx: int, size: Sequence[int]) -> TileForm:
        """Return what a patch of this (Z)YX size is."""
        n_channels, dtype = self._kinds[data_idx]
        return TileForm((n_channels, *size), dtype)

    def __getitem__(self, data_idx: int) -> ImageSource:
        """Return an image.

        Raises
        ------
        ImageError
            If it is not there, or not as it was planned.
        """
        if data_idx not in self._opened:
            self._opened[data_idx] = self._open(data_idx)
        return self._opened[data_idx]

    def open(self, images: Sequence[int], progress: Callable[[str, int, int], None] | None = None) -> None:
        """Open images now, so that one that is missing is noticed before work begins."""
        for done, data_idx in enumerate([] if self.given else images, start=1):
            _ = self[data_idx]
            if progress is not None:
                progress("images", done, len(images))

    def _open(self, data_idx: int) -> ImageSource:
        plan = self._plan
        try:
            return plan.open_image(data_idx)
        except ImageError as error:
            path = plan.image_path(data_idx)
            if path.exists():
                raise ImageError(f"image {data_idx} is not as it was planned: {error}") from None
            raise ImageError(
                f"image {data_idx}: {path}: no such file; if the images have moved, say with --root which folder "
                f"{plan.images[data_idx].uri} starts from"
            ) from None

    def check_unchanged(self, images: Iterable[int]) -> None:
        """Raise ImageError if an image is no longer what was opened: what was cut since may be another's."""
        for data_idx in images:
            self[data_idx].check_unchanged()

    def notes(self, images: Iterable[int]) -> list[str]:
        """Return what is to be said of images as they are now, each once."""
        said = [f"{self[i].uri}: {note}" for i in images for note in self[i].info.notes if "missing" in note]
        return [*self.changed(images), *dict.fromkeys(said)]

    def changed(self, images: Iterable[int]) -> list[str]:
        """Return a note if a plan's own images have changed since it was made."""
        planned = self._plan.images
        changed = [i for i in images if not self.given and self[i].info.fingerprint != planned[i].fingerprint]
        if not changed:
            return []
        named = ", ".join(map(self.name, changed[:MAX_NAMED]))
        more = f" and {len(changed) - MAX_NAMED:,} more" if len(changed) > MAX_NAMED else ""
        return [f"changed since it was planned, with the same axes, shape and dtype: {named}{more}"]


def _fitting(plan: Plan, given: Sequence[ImageSource]) -> list[ImageSource]:
    """Return other images with the plan's spatial axes, or refuse."""
    if len(given) != len(plan.images):
        raise ImageError(
            f"--from: found {len(given)} for the {len(plan.images)} of {plan.path}; allowed: an image for each, "
            "none twice"
        )
    sources = [source.with_ndim(plan.header.ndim) for source in given]
    letters = "S" + spatial_axes(plan.header.ndim)
    for source, planned in zip(sources, plan.images, strict=True):
        shapes = [(shape[0], *shape[2:]) for shape in (source.data_shape, planned.data_shape)]
        if shapes[0] != shapes[1]:
            found, wanted = (", ".join(f"{a} {n}" for a, n in zip(letters, shape, strict=True)) for shape in shapes)
            raise ImageError(
                f"--from: {source.uri} ({found}) does not fit image {planned.data_idx} of the plan, {planned.uri} "
                f"({wanted}); allowed: images of the same samples and sizes, in the plan's order"
            )
    return sources
