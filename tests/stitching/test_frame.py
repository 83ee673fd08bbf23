"""Where samples, channels and space go in an output."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from patchplan.images.boundary import RefusedError
from patchplan.images.layout import resolve
from patchplan.stitching.frame import make_frame
from tests.stitching.framing import Image, framed, image_of, record

AXES = st.sampled_from(
    ["YX", "ZYX", "TYX", "CYX", "YXC", "TZCYX", "ZTYX", "QTYX", "QZTYX", "CTYXC", "XYZ", "YXT", "CZYXC", "ZQCYXT"]
)
KINDS = st.sampled_from(["memory", "npy", "ome-zarr", "ome-tiff"])


@st.composite
def images(draw) -> Image:
    axes = draw(AXES)
    shape = tuple(draw(st.integers(1, 4)) for _ in axes)
    ndim, z_as_samples = draw(st.sampled_from([(2, False), (2, True), (3, False)]))
    try:
        framed((axes, shape, ndim, z_as_samples), "npy")
    except RefusedError:
        assume(False)
    return axes, shape, ndim, z_as_samples


@given(images(), KINDS)
@example(("QZTYX", (2, 3, 4, 5, 6), 2, True), "ome-zarr")
def test_every_pixel_of_the_plan_has_its_own_place_in_the_output(image, kind):
    frame = framed(image, kind)
    full = np.zeros(frame.shape, int)
    for sample_idx in range(frame.n_samples):
        full[frame.box(sample_idx, [0] * len(frame.space), frame.spatial)] += 1
    assert (full == 1).all()


@given(images())
@example(("TZYX", (2, 1, 4, 5), 2, False))
@example(("CTYXC", (2, 3, 4, 5, 3), 2, False))
def test_npy_is_the_source_again(image):
    axes, shape, ndim, z_as_samples = image
    layout = resolve(axes, shape, ndim=ndim, z_as_samples=z_as_samples)
    pixels = np.arange(np.prod(shape)).reshape(shape)
    frame = framed(image, "npy")
    assert (frame.axes, frame.shape) == (axes, shape)
    found = np.zeros_like(pixels)
    for sample_idx in range(layout.data_shape[0]):
        (box,) = layout.boxes(sample_idx, [slice(0, n) for n in layout.data_shape[2:]], None)
        block = layout.to_data(pixels[box])
        found[frame.box(sample_idx, [0] * ndim, frame.spatial)] = frame.to_output(block)
    np.testing.assert_array_equal(found, pixels)


@given(images(), st.sampled_from(["ome-zarr", "ome-tiff"]))
def test_ome_axes_are_in_order_and_flattened_in_the_order_of_the_file(image, kind):
    axes, shape, _, _ = image
    frame = framed(image, kind)
    rgb = frame.axes.endswith("C")
    assert frame.axes == "".join(a for a in ("TZYXC" if rgb else "TCZYX") if a in frame.axes)
    assert ("Z" in frame.axes) == ("Z" in axes)
    assert ("C" in frame.axes) == ("C" in axes)
    # pixels numbered by their place in the file, written through the plan, read back by letter
    pixels = np.arange(np.prod(shape)).reshape(shape)
    canvas = image_of(frame, pixels, image)
    samples = "".join(a for a in axes if a not in "CZYX")
    channels = [i for i, a in enumerate(axes) if a == "C"]
    order = [i for i, a in enumerate(axes) if a in samples] + channels + [axes.index(a) for a in "ZYX" if a in axes]
    wanted = pixels.transpose(order).reshape([frame.shape[frame.axes.index(a)] for a in "TCZYX" if a in frame.axes])
    found = np.moveaxis(canvas, -1, frame.axes[:-1].index("Y") - ("Z" in frame.axes)) if rgb else canvas
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("image", "n_channels", "kind", "expected"),
    [
        pytest.param(("YX", (6, 7), 2, False), 3, "npy", ("CYX", (3, 6, 7)), id="channels are new"),
        pytest.param(("TYX", (2, 6, 7), 2, False), 3, "npy", ("TCYX", (2, 3, 6, 7)), id="after samples"),
        pytest.param(("YXC", (6, 7, 3), 2, False), 2, "npy", ("YXC", (6, 7, 2)), id="other number, same place"),
        pytest.param(("CTYXC", (2, 2, 6, 7, 3), 2, False), 4, "npy", ("CTYX", (4, 2, 6, 7)), id="two C, first place"),
        pytest.param(("YXC", (6, 7, 3), 2, False), None, "npy", ("YX", (6, 7)), id="reduced"),
        pytest.param(("CTYXC", (2, 2, 6, 7, 3), 2, False), None, "npy", ("TYX", (2, 6, 7)), id="reduced, two C"),
        pytest.param(("CYX", (1, 6, 7), 2, False), 1, "npy", ("CYX", (1, 6, 7)), id="one channel that was there"),
        pytest.param(("YX", (6, 7), 2, False), 1, "ome-zarr", ("YX", (6, 7)), id="one channel that was not"),
        pytest.param(("YX", (6, 7), 2, False), 2, "ome-zarr", ("CYX", (2, 6, 7)), id="ome: channels are new"),
        pytest.param(("CYX", (3, 6, 7), 2, False), None, "ome-zarr", ("YX", (6, 7)), id="ome: reduced"),
        pytest.param(("YXC", (6, 7, 3), 2, False), 3, "ome-zarr", ("CYX", (3, 6, 7)), id="colours in OME-Zarr"),
        pytest.param(("YXC", (6, 7, 3), 2, False), 3, "ome-tiff", ("YXC", (6, 7, 3)), id="colours in OME-TIFF"),
        pytest.param(("YXC", (6, 7, 4), 2, False), 4, "ome-tiff", ("CYX", (4, 6, 7)), id="four are no colours"),
        pytest.param(("CYX", (3, 6, 7), 2, False), 3, "ome-tiff", ("CYX", (3, 6, 7)), id="C was not last"),
        pytest.param(("TZYX", (2, 3, 6, 7), 2, True), 1, "ome-tiff", ("TZYX", (2, 3, 6, 7)), id="Z of samples"),
        pytest.param(("ZYX", (1, 6, 7), 2, False), 1, "ome-zarr", ("ZYX", (1, 6, 7)), id="Z that was dropped"),
    ],
)
def test_axes_of_outputs(image, n_channels, kind, expected):
    frame = framed(image, kind, n_channels=n_channels)
    assert (frame.axes, frame.shape) == expected
    assert frame.n_channels == (n_channels or 1)


def test_colours_of_other_than_8_or_16_bits_are_planes():
    assert framed(("YXC", (6, 7, 3), 2, False), "ome-tiff", dtype="float32").axes == "CYX"


def test_several_axes_in_one_t_are_told():
    assert framed(("QTYX", (2, 3, 6, 7), 2, False), "ome-zarr").notes == (
        "axes Q of 2, T of 3 become one axis T, the last changing fastest; .npy keeps them apart",
    )
    assert framed(("QTYX", (2, 3, 6, 7), 2, False), "npy").notes == ()
    assert framed(("QZYX", (2, 3, 6, 7), 2, True), "ome-zarr").notes == ()


@given(st.integers(1, 1000), st.fractions(Fraction(1, 8), 8))
def test_sizes_are_rounded_up_and_pixels_shrink_as_they_get_more(size, factor):
    frame = make_frame(
        record("ZYX", (5, size, 9), 3, pixel_size=(2.0, 0.5, 0.5), pixel_unit="micrometer"),
        "npy",
        ndim=3,
        z_as_samples=False,
        n_channels=1,
        dtype=np.dtype("uint8"),
        scale=(Fraction(1), factor, Fraction(2)),
    )
    assert frame.shape == (5, ceil(size * factor), 18)
    assert frame.pixel_size == (2.0, float(0.5 / factor), 0.25)
    assert frame.pixel_unit == "micrometer"


def test_scale_leaves_planes_that_are_samples_alone():
    frame = make_frame(
        record("TZYX", (2, 3, 6, 7), 2, z_as_samples=True, pixel_size=(2.0, 0.5, 0.5)),
        "ome-zarr",
        ndim=2,
        z_as_samples=True,
        n_channels=1,
        dtype=np.dtype("uint8"),
        scale=(Fraction(2), Fraction(2)),
    )
    assert (frame.axes, frame.shape, frame.pixel_size) == ("TZYX", (2, 3, 12, 14), (2.0, 0.25, 0.25))
    assert [frame.size_of(letter) for letter in "ZYX"] == [2.0, 0.25, 0.25]
