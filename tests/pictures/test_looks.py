"""What the page looks like in a browser: in windows of any width, of images of any shape, in the right words."""

import pytest

import patchplan
from patchplan.plans.plan import open_plan
from tests.pictures.browser import needs_chromium, page_of, show
from tests.plans.making import make_image

pytestmark = needs_chromium
TILED = {"name": "tiled", "patch_size": 32, "overlaps": 8}
RANDOM = {"name": "random", "patch_size": 32, "seed": 1}


@pytest.mark.parametrize("width", [600, 800, 1200, 1600])
def test_nothing_is_cut_off_however_wide_the_window(tmp_path, width):
    folder = tmp_path / "a folder with a name/and another one that is rather long"
    folder.mkdir(parents=True)
    names = [f"{'long_' * i}name.npy" for i in (1, 20)]
    for name in names:
        make_image(folder / name, (3000, 3000))
    patchplan.plan(folder, tmp_path / "plan.parquet", patching=TILED | {"patch_size": 16}, rows=False)
    steps = """
    const box = document.querySelector(".scroll");
    seen.inside = [box.scrollWidth <= box.clientWidth, document.documentElement.scrollWidth <= innerWidth];
    const frame = box.getBoundingClientRect();
    seen.cut = [...box.querySelectorAll("th, td")].filter((cell) => {
      const place = cell.getBoundingClientRect();
      const outside = place.right > frame.right + 1 || place.left < frame.left - 1;
      return place.width && (outside || cell.scrollWidth > cell.clientWidth + 1);
    }).map((cell) => cell.textContent);
    seen.heads = [...box.querySelectorAll("th")].filter((cell) => cell.offsetWidth > 0).map((cell) => cell.textContent);
    seen.names = [...box.querySelectorAll("td.name button")].map((button) => button.lastChild.textContent);
    """
    shown = show(page_of(tmp_path / "plan.parquet"), steps, size=f"{width},1200")
    assert shown.console == []
    assert shown.seen == {
        "inside": [True, True],
        "cut": [],
        "heads": ["image", "tiles", "visits", "mean", "uncovered", "kept"],
        "names": sorted(names),
    }


def test_a_very_long_image_is_a_band_in_which_one_can_point(tmp_path):
    make_image(tmp_path / "a.npy", (65_537, 1))
    config = {"name": "tiled", "patch_size": [256, 32], "overlaps": [32, 0]}
    patchplan.plan(tmp_path / "a.npy", tmp_path / "plan.parquet", patching=config)
    steps = """
    seen.tip = await hover(0.9, 0.5, 1, 65537);
    seen.status = text("status");
    seen.beside = await hover(1.1, 0.5, 1, 65537);
    seen.note = text("note");
    """
    shown = show(page_of(tmp_path / "plan.parquet"), steps)
    assert shown.console == []
    plan = open_plan(tmp_path / "plan.parquet")
    index = int(shown.seen["tip"].splitlines()[0].removeprefix("index "))
    assert plan.specs()[index]["coords"][0] <= 32_768 < plan.specs()[index]["coords"][0] + 256
    assert ", X 0: " in shown.seen["status"]
    assert shown.seen["beside"] is None
    assert "Not to scale: X is drawn 8,190 times as large." in shown.seen["note"]


@pytest.mark.parametrize(("config", "words"), [(TILED, ("tile", "patch")), (RANDOM, ("patch", "tile"))])
def test_one_word_is_used_for_what_is_planned(tmp_path, config, words):
    make_image(tmp_path / "a.npy", (64, 64))
    patchplan.plan(tmp_path / "a.npy", tmp_path / "plan.parquet", patching=config)
    steps = 'document.querySelectorAll("script").forEach((one) => one.remove()); seen.text = document.body.innerText;'
    seen = show(page_of(tmp_path / "plan.parquet"), steps).seen["text"]
    assert words[0] in seen.replace("plan.parquet", "")
    assert words[1] not in seen.replace("strategy tiled", "")


@pytest.mark.parametrize(("config", "white"), [(TILED, False), (RANDOM, True)])
def test_white_is_explained_only_where_there_is_some(tmp_path, config, white):
    make_image(tmp_path / "a.npy", (64, 64))
    patchplan.plan(tmp_path / "a.npy", tmp_path / "plan.parquet", patching=config)
    steps = 'await choose("layer", "map"); seen.white = !document.getElementById("nothing").hidden;'
    shown = show(page_of(tmp_path / "plan.parquet"), steps)
    assert shown.console == []
    assert shown.seen == {"white": white}


def test_a_density_lies_over_the_image_where_outlines_would_be_too_many(tmp_path):
    make_image(tmp_path / "a.npy", (1000, 1500))
    config = {"name": "tiled", "patch_size": 10, "overlaps": 2}
    patchplan.plan(tmp_path / "a.npy", tmp_path / "plan.parquet", patching=config)
    steps = """
    seen.first = [canvas.dataset.layer, canvas.dataset.overlay, text("low"), document.getElementById("nothing").hidden];
    document.getElementById("outlines").click(); await pause(100);
    seen.off = canvas.dataset.overlay;
    seen.kept = document.getElementById("kept").disabled;
    """
    shown = show(page_of(tmp_path / "plan.parquet"), steps)
    assert shown.console == []
    assert shown.seen == {
        "first": ["thumbnail", "density", "tiles over a pixel:", True],
        "off": "none",
        "kept": True,
    }
