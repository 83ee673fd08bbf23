"""Canvases filled with known pixels, and what their outputs hold when read by others."""

import random
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray

from patchplan.images.layout import resolve
from patchplan.stitching.canvases import Canvas, CanvasOptions, open_canvas
from patchplan.stitching.canvases.memory import MemoryCanvas
from patchplan.stitching.frame import Frame, OutputKind
from patchplan.stitching.ledger import Ledger
from tests.stitching.framing import Image, framed, image_of


def pixels_of(shape: tuple[int, ...], dtype: str, seed: int = 0) -> NDArray[Any]:
    """Return pixels of the whole range of a type, with stretches of zeros and minus zeros."""
    rng = np.random.default_rng(seed)
    wanted = np.dtype(dtype)
    if wanted.kind in "iu":
        limits = np.iinfo(wanted)
        pixels = rng.integers(limits.min, limits.max, shape, wanted, endpoint=True)
    elif wanted.kind == "b":
        pixels = rng.random(shape) < 0.5
    else:
        pixels = (rng.normal(size=shape) * 1000).astype(wanted)
        if wanted.kind == "c":
            pixels = pixels + wanted.type(1j) * rng.normal(size=shape).astype(wanted)
    pixels[..., : shape[-1] // 2] *= rng.random() < 0.7
    return pixels if wanted.kind != "f" else np.where(pixels == 0, wanted.type(-0.0), pixels)


def filled(
    kind: OutputKind,
    path: Path,
    image: Image,
    pixels: NDArray[Any],
    options: CanvasOptions,
    *,
    threads: int = 2,
    seed: int = 0,
    **facts: Any,
) -> Canvas:
    """Write an image, given in file order, in boxes of blocks in any order, and finish it."""
    frame = framed(image, kind, dtype=pixels.dtype.name, **facts)
    if kind == "ome-zarr":
        path.mkdir()
    canvas = open_canvas(kind, path, frame, options, threads)
    layout = resolve(image[0], image[1], ndim=image[2], z_as_samples=image[3])
    boxes = list(
        product(
            range(frame.n_samples),
            *(range(0, n, size) for n, size in zip(frame.spatial, step(canvas, seed), strict=True)),
        )
    )
    random.Random(seed).shuffle(boxes)
    for sample_idx, *start in boxes:
        stop = [min(a + n, m) for a, n, m in zip(start, step(canvas, seed), frame.spatial, strict=True)]
        (box,) = layout.boxes(sample_idx, [slice(*one) for one in zip(start, stop, strict=True)], None)
        canvas.write(sample_idx, start, layout.to_data(pixels[box]))
    canvas.finish(Ledger().image(0))
    return canvas


def step(canvas: Canvas, seed: int) -> tuple[int, ...]:
    """Return the size of boxes to write: one block, or several."""
    rng = random.Random(seed)
    return tuple(size * rng.choice((1, 2, 3)) for size in canvas.block)


def expected(canvas: Canvas, pixels: NDArray[Any], image: Image) -> NDArray[Any]:
    """Return the pixels in the output's order."""
    return image_of(canvas.frame, pixels, image)


def read_levels(kind: OutputKind, path: Path, canvas: Canvas) -> list[NDArray[Any]]:
    """Return all levels of an output, read by the library that its format belongs to."""
    if isinstance(canvas, MemoryCanvas):
        return [canvas.array]
    if kind == "npy":
        return [np.load(path)]
    if kind == "ome-zarr":
        arrays = dict(zarr.open_group(path, mode="r").arrays())
        return [np.asarray(arrays[name][:]) for name in sorted(arrays, key=int)]
    with tifffile.TiffFile(path) as file:
        levels = file.series[0].levels
        return [level.asarray().reshape(shape_of(canvas.frame, level)) for level in levels]


def shape_of(frame: Frame, level: tifffile.TiffPageSeries) -> list[int]:
    """Return a level's shape with the axes of size 1 that tifffile leaves out."""
    sizes = dict(zip(level.axes.replace("S", "C"), level.shape, strict=True))
    return [sizes.get(letter, 1) for letter in frame.axes]


def halved(pixels: NDArray[Any], step: tuple[int, ...]) -> NDArray[Any]:
    """Return means over boxes, one pixel after the other."""
    shape = [-(-n // s) for n, s in zip(pixels.shape, step, strict=True)]
    means = np.zeros(shape, pixels.dtype)
    for index in np.ndindex(*shape):
        box = pixels[tuple(slice(i * s, i * s + s) for i, s in zip(index, step, strict=True))].ravel()
        if pixels.dtype.kind in "iu":
            total = sum(int(value) for value in box)
            whole, rest = divmod(total, box.size)
            means[index] = whole + (2 * rest > box.size or (2 * rest == box.size and whole % 2))
        else:
            means[index] = box.astype(np.complex128 if pixels.dtype.kind == "c" else np.float64).mean()
    return means
