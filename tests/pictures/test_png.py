"""The PNG: pixel for pixel the colours of the maps, whatever stands around them."""

import sys

import imagecodecs
import numpy as np
import pytest

import patchplan
from patchplan.errors import ConfigError, MissingExtraError, OutputError
from patchplan.patching import create_patching
from patchplan.pictures.maps import visit_maps
from patchplan.pictures.panels import panels_of
from patchplan.pictures.png import BAR, BOTTOM, HEAD, KEY, LEAST, LEFT, TOP, Layout, coloured, repeats, write_png
from patchplan.plans.plan import open_plan
from tests.coverage.canvas import write
from tests.plans.making import make_image, make_plan

TILED = {"name": "tiled", "patch_size": 32, "overlaps": 8}
RANDOM = {"name": "random", "patch_size": 16, "seed": 1}


@pytest.mark.parametrize("value", ["mean", "min", "max"])
@pytest.mark.parametrize("shape", [(100, 80), (3000, 2000), (65_537, 1), (3, 20_000), (1500, 40)])
def test_every_pixel_of_the_file_is_the_colour_of_its_value(tmp_path, value, shape):
    make_image(tmp_path / "a.npy", shape)
    plan = open_plan(make_plan(tmp_path, ".parquet", RANDOM | {"patch_size": [max(1, n // 8) for n in shape]}))
    patchplan.inspect(plan, png=tmp_path / "map.png", png_value=value)
    picture = imagecodecs.png_decode((tmp_path / "map.png").read_bytes())[..., :3]
    panels = panels_of(plan.data_shapes, 1, 1400)
    values = visit_maps(plan, panels, value)[0]
    expected = coloured(values, values.max(), repeats(values.shape, 1400))
    height, width = expected.shape[:2]
    assert max(height, width) <= 1400
    assert min(height, width) >= 40
    found = picture[HEAD + TOP : HEAD + TOP + height, LEFT : LEFT + width]
    inside = slice(2, -2)  # the frame stands on the outermost pixels
    assert np.array_equal(found[inside, inside], expected[inside, inside])
    assert (max(panels[0].block) > 1) == (max(shape) > 1400)


def test_panels_of_all_sizes_lie_where_the_layout_says(tmp_path):
    shapes = [(300, 500), (700, 20), (16, 16), (1, 5000), (90, 90)]
    for i, shape in enumerate(shapes):
        make_image(tmp_path / f"{i}.npy", shape)
    patchplan.plan([tmp_path / f"{i}.npy" for i in range(5)], tmp_path / "p.parquet", patching=RANDOM)
    plan = open_plan(tmp_path / "p.parquet")
    patchplan.inspect(plan, png=tmp_path / "map.png")
    picture = imagecodecs.png_decode((tmp_path / "map.png").read_bytes())[..., :3]
    panels = panels_of(plan.data_shapes, 5, 450)
    maps = visit_maps(plan, panels)
    most = max(values.max() for values in maps)
    expected = [coloured(values, most, repeats(values.shape, 450)) for values in maps]
    layout = Layout.of(expected, legend=True)
    assert picture.shape[:2] == layout.size[::-1]
    for one, (top, left, width) in zip(expected, layout.corners(), strict=False):
        assert one.shape[1] <= width
        found = picture[top : top + one.shape[0], left : left + one.shape[1]]
        assert np.array_equal(found[2:-2, 2:-2], one[2:-2, 2:-2])


@pytest.mark.parametrize(("config", "words"), [(RANDOM, True), (TILED, False)])
def test_white_is_explained_below_only_where_there_is_some(tmp_path, config, words):
    make_image(tmp_path / "a.npy", (100, 80))
    patchplan.inspect(make_plan(tmp_path, ".parquet", config), png=tmp_path / "map.png")
    picture = imagecodecs.png_decode((tmp_path / "map.png").read_bytes())[..., :3]
    assert len(picture) == HEAD + TOP + 700 + BOTTOM + KEY * words
    assert (picture[-KEY:, LEFT : LEFT + 200] < 128).any() == words


def test_a_line_has_room_for_its_words_and_a_readable_colour_bar(tmp_path):
    make_image(tmp_path / "a.npy", (1, 9000))
    config = {"name": "tiled", "patch_size": [1, 100], "overlaps": [0, 50]}
    patchplan.inspect(make_plan(tmp_path, ".parquet", config), png=tmp_path / "map.png")
    picture = imagecodecs.png_decode((tmp_path / "map.png").read_bytes())[..., :3]
    assert len(picture) == HEAD + TOP + LEAST[0] + BOTTOM
    bar = picture[HEAD + TOP + 2 : HEAD + TOP + LEAST[0] - 2, -BAR + 16]
    assert len(np.unique(bar, axis=0)) > LEAST[0] / 2


def test_colours_tell_what_is_not_read_and_ends_of_the_scale():
    colours = coloured(np.array([[0.0, 1e-9, 4.0]]), 4.0, (3, 2))
    assert colours.shape == (3, 6, 3)
    assert colours[0, 0].tolist() == [255, 255, 255]
    assert colours[0, 2].tolist() == [68, 1, 84]
    assert colours[1, 5].tolist() == [253, 231, 36]


def test_the_same_plan_gives_the_same_bytes_and_names_of_any_kind_are_drawn(tmp_path):
    name = "$x^2$ é漢\u202e " + "long " * 30 + ".npy"
    make_image(tmp_path / name, (3, 40, 50))
    patchplan.plan(tmp_path / name, tmp_path / "p.parquet", patching=RANDOM, axes="TYX")
    for png in ("a.png", "b.png"):
        patchplan.inspect(tmp_path / "p.parquet", png=tmp_path / png)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_many_samples_are_shown_up_to_a_bound(tmp_path):
    shapes = [(1, 1, 20 + i, 30) for i in range(40)]
    path = write(tmp_path / "p.parquet", shapes, create_patching(shapes, RANDOM), RANDOM)
    patchplan.inspect(path, png=tmp_path / "map.png")
    assert imagecodecs.png_decode((tmp_path / "map.png").read_bytes()).shape[1] < 3000


def test_no_patches_are_a_white_map(tmp_path):
    shapes = [(1, 1, 20, 30)]
    path = tmp_path / "p.parquet"
    write(path, shapes, create_patching(shapes, {"name": "fixed", "fixed_patch_specs": []}), {"name": "fixed"})
    plan = open_plan(path)
    write_png(tmp_path / "map.png", plan, patchplan.inspect(plan), "max")
    assert (
        imagecodecs.png_decode((tmp_path / "map.png").read_bytes())[HEAD + TOP + 9, LEFT + 9, :3].tolist() == [255] * 3
    )


def test_without_matplotlib_the_line_that_installs_it_is_told(tmp_path, monkeypatch):
    path = make_plan(tmp_path, ".csv", RANDOM)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"needs matplotlib; run: pip install 'patchplan\[report\]'"):
        patchplan.inspect(path, png=tmp_path / "a.png")
    patchplan.inspect(path, html=tmp_path / "a.html")


def test_outputs_are_checked_before_anything_is_counted(tmp_path):
    path = make_plan(tmp_path, ".csv", RANDOM)
    (tmp_path / "old.png").write_text("old")
    with pytest.raises(OutputError, match=r"old\.png: exists already; use --overwrite"):
        patchplan.inspect(path, png=tmp_path / "old.png", progress=lambda *_: pytest.fail("counted"))
    with pytest.raises(ConfigError, match=r"--html: found .*plan\.csv; allowed: a name that ends in \.html or \.htm"):
        patchplan.inspect(path, html=path, overwrite=True)
    with pytest.raises(ConfigError, match="--png-value: found 'median'; allowed: mean, min, max"):
        patchplan.inspect(path, png=tmp_path / "a.png", png_value="median")  # type: ignore[arg-type]
    with pytest.raises(OutputError, match=r"the folder .*nowhere does not exist"):
        patchplan.inspect(path, html=tmp_path / "nowhere" / "a.html")
    assert (tmp_path / "old.png").read_text() == "old"
    patchplan.inspect(path, png=tmp_path / "old.png", overwrite=True)
    assert (tmp_path / "old.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.npy", "old.png", "plan.csv", "plan.csv.json"]
