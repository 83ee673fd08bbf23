"""What is packed into the page comes out of it as it was; thumbnails are means of the image's pixels."""

import zlib
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.patching import create_patching
from patchplan.pictures import page as page_module
from patchplan.pictures.facts import bars, cost_facts
from patchplan.pictures.outlines import outlines, pack
from patchplan.pictures.panels import Panel, panels_of
from patchplan.pictures.thumbnail import _Reduced, shown, thumbnail
from patchplan.plans.plan import open_plan
from tests.coverage.canvas import write
from tests.laws.test_contract import every_strategy, setups
from tests.plans.making import make_image, make_plan

RANDOM = {"name": "random", "patch_size": 16, "seed": 1}
numbers = st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 2**52), max_size=20)


def unpack(packed) -> dict[str, Any]:
    """As the page does it."""
    data, at, found = zlib.decompress(packed.data), 0, {}
    for column in packed.columns:
        if "value" in column:
            found[column["name"]] = np.full(packed.n, column["value"])
            continue
        width = int(column["kind"][1])
        part = np.frombuffer(data, np.uint8, width * packed.n, at)
        at += len(part)
        if width == 4:
            found[column["name"]] = np.cumsum(part.reshape(4, -1).T.copy().view("<i4").ravel())
        else:
            found[column["name"]] = part.view("<f8")
    assert at == len(data)
    return found


@given(numbers, st.data())
def test_columns_come_out_as_they_went_in(first, data):
    second = data.draw(st.lists(st.integers(0, 3), min_size=len(first), max_size=len(first)))
    columns = {"a": np.array(first, np.int64), "b": np.array(second, np.int64)}
    found = unpack(pack(columns))
    assert all(np.array_equal(found[name], columns[name]) for name in columns)


@every_strategy
@settings(max_examples=10)
@given(data=st.data())
def test_outlines_are_the_rows_of_each_image(name, data, tmp_path_factory):
    shapes, config = data.draw(setups(name))
    patching = create_patching(shapes, config)
    rows = name not in ("sequential", "tiled", "whole") or data.draw(st.booleans())
    path = tmp_path_factory.mktemp("plan") / "plan.parquet"
    plain = {"name": "fixed"} if name == "fixed" else config
    plan = open_plan(write(path, shapes, patching, plain, rows=rows))
    specs = plan.specs()
    found, splits = outlines(plan, patchplan.inspect(plan), 10**6)
    assert splits == []
    for data_idx in range(len(shapes)):
        mine = specs.data_idx == data_idx
        columns = unpack(found[data_idx])
        assert np.array_equal(columns["index"], np.flatnonzero(mine))
        assert np.array_equal(columns["coords_y"], specs.coords[mine, -2])
        assert np.array_equal(columns["patch_size_x"], specs.patch_size[mine, -1])
        assert ("stitch_coords_x" in columns) == specs.is_tiles


@pytest.mark.parametrize("overlap", [0, 32, 101])
def test_the_density_of_a_grid_shows_no_beat(tmp_path, overlap):
    """Inside, a large grid is the same all over."""
    shapes, config = [(1, 1, 30_000, 40_000)], {"name": "tiled", "patch_size": 230, "overlaps": overlap}
    plan = open_plan(write(tmp_path / "p.parquet", shapes, create_patching(shapes, config), config, rows=False))
    store = page_module._Store()
    head = page_module._head(plan, patchplan.inspect(plan), store, None)
    density = head["panels"][0]["density"]
    start, length = density["at"]
    steps = np.frombuffer(zlib.decompress(store.data[start : start + length]), np.uint8).reshape(density["shape"])
    assert max(steps.shape) in range(32, 65)
    assert len(np.unique(steps[1:-2, 1:-2])) == 1
    assert (steps > 0).all()


def test_outlines_end_where_they_would_be_too_many_bytes(tmp_path):
    shapes = [(1, 1, 100, 100)] * 10
    plan = open_plan(write(tmp_path / "p.parquet", shapes, create_patching(shapes, RANDOM), RANDOM))
    found, _ = outlines(plan, patchplan.inspect(plan), 600)
    assert 0 < len(found) < 10
    assert sum(len(one.data) for one in found.values()) <= 600


def test_cost_of_an_image_is_told_in_words_and_units(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((100, 200), np.uint16), tile=(64, 64))
    plan = make_plan_of(tmp_path, "a.tif", {"name": "tiled", "patch_size": 50, "overlaps": 0})
    cost = patchplan.inspect(plan, cost=True).images[0].cost
    assert cost is not None
    facts = dict(cost_facts(cost))
    assert facts["pixels read"] == "20,000, 1 x those of the image"
    assert facts["bytes read"] == "40 KB of 40 KB"
    assert facts["chunks"] == "64 x 64"
    assert facts["loaded in the plan's order"] == f"8 chunks, {8 * 8192 / 1000:.3g} KB: 1.64 x the bytes wanted"
    sampled = dict(cost_facts(cost.model_copy(update={"sampled": True, "n_counted": 1_000, "morton_order": None})))
    assert sampled["loaded in the plan's order"].endswith("1.64 x the bytes wanted by a sample of 1,000 patches")
    assert "loaded in Morton order" not in sampled


@given(st.dictionaries(st.integers(0, 500), st.integers(1, 9), min_size=1))
def test_bars_hold_every_pixel_once(histogram):
    found = bars(sorted(histogram.items()))
    assert len(found) <= 60
    for first, last, pixels in found:
        assert pixels == sum(n for visits, n in histogram.items() if first <= visits <= last)
    assert sum(pixels for *_, pixels in found) == sum(histogram.values())


@pytest.mark.parametrize("chunk", [None, (16, 16), (7, 100)])
@pytest.mark.parametrize("side", [1, 10, 33, 1000])
def test_a_picture_of_all_pixels_is_their_means(tmp_path, chunk, side):
    pixels = np.random.default_rng(0).integers(0, 4000, (90, 100)).astype(np.uint16)
    name = "a.npy" if chunk is None else "a.tif"
    if chunk is None:
        np.save(tmp_path / name, pixels)
    elif chunk[1] == 100:
        tifffile.imwrite(tmp_path / name, pixels, rowsperstrip=7)
    else:
        tifffile.imwrite(tmp_path / name, pixels, tile=chunk)
    means, whole = _Reduced(patchplan.open_image(tmp_path / name), 0, side, 10**6).read()
    f = max(1, -(-100 // side))
    expected = [[pixels[y : y + f, x : x + f].mean() for x in range(0, 100, f)] for y in range(0, 90, f)]
    assert whole
    assert np.allclose(means[0], expected, rtol=1e-5)


@pytest.mark.parametrize("budget", [1, 1000, 5000])
def test_of_a_large_image_evenly_spaced_parts_are_read(tmp_path, budget):
    y, x = np.mgrid[:320, :480]
    tifffile.imwrite(tmp_path / "a.tif", (y + x).astype(np.uint16), tile=(16, 16))
    source = patchplan.open_image(tmp_path / "a.tif")
    read = []
    plain = source.read
    source.read = lambda *args: read.append(args) or plain(*args)  # type: ignore[method-assign, func-returns-value]
    means, whole = _Reduced(source, 0, 60, budget).read()
    assert not whole
    assert 1 <= len(read) <= max(1, budget // 256)
    assert means.shape == (1, 40, 60)
    if budget == 5000:
        assert np.abs(means[0] - (y + x)[::8, ::8]).max() < 150


def test_thumbnails_take_the_coarsest_level_that_fits_and_the_middle_of_z(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(np.zeros((512, 512), "u1"), tile=(64, 64), subifds=2, metadata={"axes": "YX"})
        tif.write(np.full((256, 256), 9, "u1"), tile=(64, 64), subfiletype=1)
        tif.write(np.full((128, 128), 99, "u1"), tile=(64, 64), subfiletype=1)
    plan = make_plan_of(tmp_path, "a.tif", {"name": "tiled", "patch_size": 64, "overlaps": 0})
    for side, note in ((128, "pyramid level 2"), (129, "pyramid level 1"), (512, "")):
        assert thumbnail(plan, panels_of(plan.data_shapes, 1, 1)[0], side, 10**6).note == note
    np.save(tmp_path / "z.npy", np.stack([np.full((20, 30), i, np.float32) for i in range(5)]))
    plan = make_plan_of(tmp_path, "z.npy", {"name": "whole"}, axes="ZYX")
    assert thumbnail(plan, panels_of(plan.data_shapes, 1, 1)[0], 30, 10**6).note == "Z slice 2 of 5"


def make_plan_of(folder, name, config, **options):
    path = folder / f"{name}.parquet"
    patchplan.plan(folder / name, path, patching=config, **options)
    return open_plan(path)


@pytest.mark.parametrize("dtype", ["bool", "i1", "u8", "f2", "f8", "c8"])
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_any_pixels_become_a_picture(tmp_path, dtype, channels):
    pixels = (np.random.default_rng(0).random((channels, 30, 40)) * 9).astype(dtype)
    if dtype in ("f2", "f8"):
        pixels[0, :3, :3] = [np.nan, np.inf, -np.inf]
    np.save(tmp_path / "a.npy", pixels)
    plan = make_plan_of(tmp_path, "a.npy", {"name": "whole"}, axes="CYX")
    jpeg = thumbnail(plan, panels_of(plan.data_shapes, 1, 1)[0], 40, 10**6).jpeg
    assert imagecodecs.jpeg8_decode(jpeg).shape == ((30, 40) if channels == 1 else (30, 40, 3))


def test_flat_and_coloured_pixels_keep_their_shades():
    assert (shown(np.full((1, 3, 3), 7, np.float32), colour=False) == 0).all()
    rgb = np.zeros((3, 2, 2), np.float32)
    rgb[0] = 200
    assert shown(rgb, colour=True)[0, 0].tolist() == [200, 0, 0]


def test_a_source_that_moved_is_told_and_the_page_stands(tmp_path):
    path = make_plan(tmp_path, ".csv", RANDOM)
    (tmp_path / "a.npy").unlink()
    found = patchplan.inspect(path, html=tmp_path / "page.html")
    assert "not found below" in found.findings[0]
    assert (tmp_path / "page.html").stat().st_size > 10_000


def test_a_page_loads_nothing_and_is_the_same_each_time(tmp_path):
    make_image(tmp_path / "a.npy", (4, 50, 60))
    path = make_plan(tmp_path, ".csv", RANDOM, axes="TYX")
    plan = open_plan(path)
    text = page_module.page(plan, patchplan.inspect(plan))
    assert text == page_module.page(plan, patchplan.inspect(plan))
    assert "default-src 'none'" in text
    assert "src=" not in text
    assert text.count("http") == text.count("http-equiv") + text.count("http://www.w3.org/2000/svg")


def test_progress_tells_thumbnails(tmp_path):
    seen = []
    patchplan.inspect(
        make_plan(tmp_path, ".csv", RANDOM), html=tmp_path / "a.html", progress=lambda *step: seen.append(step)
    )
    assert seen[-1] == ("thumbnails", 1, 1)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_only_what_is_nothing_is_shown_as_nothing(values):
    store = page_module._Store()
    found = page_module._map(Panel(0, 0, (1, len(values)), (1, 1)), np.array([values]), store)
    start, length = found["at"]
    steps = np.frombuffer(zlib.decompress(store.data[start : start + length]), np.uint8)
    assert np.array_equal(steps == 0, np.array(values) == 0)
    assert np.abs(steps / 255 * found["most"] - values).max() <= found["most"] / 255
