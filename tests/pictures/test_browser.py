"""The page in a browser: nothing on the console, the right outlines, hover and choice work, nothing injected."""

import numpy as np
import pytest

import patchplan
from patchplan.coverage.cost_words import cost_lines
from patchplan.patching import create_patching
from patchplan.pictures.page import write_page
from patchplan.plans.plan import open_plan
from patchplan.plans.write import write_plan
from tests.coverage.canvas import header_of, write
from tests.pictures.browser import needs_chromium, page_of, show
from tests.plans.making import make_image

pytestmark = needs_chromium
TILED = {"name": "tiled", "patch_size": 32, "overlaps": 8}


@pytest.fixture
def three(tmp_path):
    """Tiles of three images, the second of two samples."""
    rng = np.random.default_rng(0)
    for name, shape in (("a", (1, 100, 120)), ("b", (2, 90, 70)), ("c", (1, 32, 32))):
        np.save(tmp_path / f"{name}.npy", rng.integers(0, 999, shape).astype(np.uint16))
    plan = tmp_path / "tiles.parquet"
    patchplan.plan([tmp_path / f"{name}.npy" for name in "abc"], plan, patching=TILED, axes="TYX")
    return plan


def test_a_page_opens_without_a_word_and_shows_its_first_image(three):
    shown = show(page_of(three))
    assert shown.console == []
    assert 'data-ready="' in shown.dom
    tiles = open_plan(three).images[0].n_patches
    assert f'data-total="{tiles}"' in shown.dom
    assert 'data-layer="thumbnail"' in shown.dom


def test_a_script_that_fails_would_be_seen(tmp_path):
    (tmp_path / "bad.html").write_text("<!doctype html><body><script>undefined.x</script></body>")
    assert show(tmp_path / "bad.html").console


def test_images_samples_layers_hover_and_keys_work(three):
    steps = """
    seen.tip = await hover(0.5 / 120, 0.5 / 100, 120, 100);
    seen.status = text("status");
    seen.outside = await hover(-0.01, 0.5, 120, 100);
    seen.next = await press("n");
    for (let i = 0; i < 8; i++) await press("+");
    seen.zoomed = Number(canvas.dataset.outlines);
    await press("0");
    seen.fitted = Number(canvas.dataset.outlines);
    await drawn(() => document.querySelector('#rows tr[data-image="1"] button').click());
    const samples = document.getElementById("sample").options;
    seen.image = [canvas.dataset.image, canvas.dataset.total, text("image-title"), samples.length];
    seen.samples = text("n-samples");
    await choose("sample", "1");
    seen.sample = await hover(0.01, 0.01, 70, 90);
    await choose("layer", "map");
    seen.map = [canvas.dataset.layer, text("high"), document.getElementById("legend").hidden];
    document.getElementById("outlines").click(); await pause(100);
    seen.without = Number(canvas.dataset.outlines);
    document.getElementById("find").value = "c.npy";
    document.getElementById("find").dispatchEvent(new Event("input"));
    seen.found = [...document.querySelectorAll("#rows tr")].map((row) => row.dataset.image);
    document.getElementById("theme").click();
    document.getElementById("theme").click();
    seen.theme = [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor];
    """
    shown = show(page_of(three), steps)
    seen, plan = shown.seen, open_plan(three)
    assert shown.console == []
    assert "error" not in seen
    spec = plan.specs()[0]
    assert seen["tip"].splitlines() == [
        "index 0",
        "coords 0, 0",
        "patch size 32, 32",
        "kept at 0, 0",
        f"kept size {', '.join(map(str, spec['crop_size']))}",  # type: ignore[typeddict-item]
    ]
    assert seen["status"].startswith("Y 0, X 0: 1 visit; index 0;")
    assert seen["outside"] is None
    assert "index 0" in seen["next"]
    assert 0 < seen["zoomed"] < seen["fitted"] == plan.images[0].n_patches
    first = plan.images[0].n_patches + plan.images[1].n_patches // 2
    assert seen["image"] == ["1", str(plan.images[1].n_patches // 2), "Image 1: b.npy", 2]
    assert seen["samples"] == "of 0 to 1"
    assert seen["sample"].splitlines()[0] == f"index {first}"
    assert seen["map"] == ["map", "4", False]
    assert seen["without"] == 0
    assert seen["found"] == ["2"]
    assert seen["theme"] == ["dark", "rgb(15, 20, 25)"]


def test_volumes_splits_and_epochs_show_their_numbers(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((8, 40, 50), np.float32))
    path = tmp_path / "plan.parquet"
    config = {"name": "random", "patch_size": [4, 16, 16], "seed": 1}
    patchplan.plan(tmp_path / "a.npy", path, patching=config, epochs=2, axes="ZYX")
    plan = open_plan(path)
    spec = plan.specs()[0]
    steps = 'seen.first = await press("n"); seen.n = Number(canvas.dataset.outlines); seen.note = text("note");'
    shown = show(page_of(path), steps)
    assert shown.console == []
    assert shown.seen["n"] == plan.n_rows
    coords = ", ".join(map(str, spec["coords"]))
    assert f"index 0, epoch 0; coords {coords}; patch size 4, 16, 16" in shown.seen["first"]
    assert "mean over Z" in shown.seen["note"]
    assert "Z slice 4 of 8" in shown.seen["note"]


def test_no_name_can_inject_anything(tmp_path):
    bad = """</script><script>document.body.dataset.injected=1</script><img src=x onerror=alert(1)>"'&é漢"""
    shapes = [(1, 1, 64, 64)]
    patching = create_patching(shapes, TILED)
    header = header_of(shapes, patching.get_patch_specs(), TILED)
    images = (header.images[0].model_copy(update={"uri": bad}),)
    path = tmp_path / "<img src=x onerror=alert(1)>&.parquet"
    write_plan(path, header.model_copy(update={"images": images}), [patching])
    page = page_of(path)
    assert "injected" not in page.read_text()
    steps = """
    seen.title = text("image-title");
    seen.images = document.images.length;
    seen.h1 = document.querySelector("h1").textContent;
    """
    shown = show(page, steps)
    assert shown.console == []
    assert shown.seen == {"title": f"Image 0: {bad}", "images": 0, "h1": path.name}
    assert "data-injected" not in shown.dom


@pytest.mark.parametrize("n", [50, 5000])
def test_many_images_can_be_chosen_and_the_page_stays_small(tmp_path, n):
    """Their sources are not there, which is said and harms nothing."""
    shapes = [(1, 1, 60 + i % 7, 80) for i in range(n)]
    config = {"name": "random", "patch_size": 16, "seed": 1}
    path = write(tmp_path / "plan.parquet", shapes, create_patching(shapes, config), config)
    page = page_of(path)
    assert page.stat().st_size < 5e6
    steps = """
    seen.rows = document.querySelectorAll("#rows tr").length;
    document.getElementById("find").value = "LAST.npy";
    document.getElementById("find").dispatchEvent(new Event("input"));
    await drawn(() => document.querySelector("#rows button").click());
    seen.chosen = [Number(canvas.dataset.image), Number(canvas.dataset.outlines), canvas.dataset.layer];
    seen.findings = text("findings");
    """
    shown = show(page, steps.replace("LAST", str(n - 1)))
    assert shown.console == []
    assert shown.seen["rows"] == min(n, 100)
    assert shown.seen["chosen"] == [n - 1, open_plan(path).images[-1].n_patches, "map"]
    assert "say where they are now with --root" in shown.seen["findings"]


def test_more_outlines_than_can_be_drawn_become_a_density_map(tmp_path):
    shapes, config = [(1, 1, 30_000, 40_000)], {"name": "tiled", "patch_size": 200, "overlaps": 0}
    path = write(tmp_path / "plan.parquet", shapes, create_patching(shapes, config), config, rows=False)
    steps = (
        'await choose("layer", "density"); seen.now = [canvas.dataset.outlines, canvas.dataset.layer, text("note")];'
    )
    shown = show(page_of(path), steps)
    assert shown.console == []
    outlines, layer, note = shown.seen["now"]
    assert (outlines, layer) == ("0", "density")
    assert "30,000 outlines are too many" in note
    assert "mean of 800 x 800 pixels" in note


def test_cost_is_shown_in_the_words_of_the_command_line(three):
    plan = open_plan(three)
    result = patchplan.inspect(plan, cost=True)
    write_page(three.with_suffix(".html"), plan, result)
    steps = """
    seen.hidden = document.getElementById("cost-panel").hidden;
    const rows = [...document.querySelectorAll("#cost tr")];
    seen.rows = rows.map((row) => [...row.children].map((one) => one.textContent));
    """
    shown = show(three.with_suffix(".html"), steps)
    assert shown.console == []
    assert not shown.seen["hidden"]
    assert result.total.cost is not None
    lines = [": ".join(row) for row in shown.seen["rows"]]
    assert set(cost_lines(result.total.cost)) <= set(lines)
    read = sum(spec["patch_size"][0] * spec["patch_size"][1] for spec in plan.specs() if spec["data_idx"] == 0)
    assert f"pixels read: {read:,}, {read / 12_000:.3g} x those of the image" in lines
    assert f"bytes read: {2 * read / 1000:.3g} KB of 24 KB" in lines
    assert "chunks: none, mapped" in lines


def test_splits_have_colours_and_what_they_share_is_told(tmp_path):
    make_image(tmp_path / "a.npy", (64, 64))
    columns = "data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split"
    (tmp_path / "table.csv").write_text(f"{columns}\n0,0,0,0,32,32,<b>train\n0,0,0,30,32,32,val\n")
    path = tmp_path / "plan.parquet"
    patchplan.plan(tmp_path / "a.npy", path, patching={"name": "fixed", "table": str(tmp_path / "table.csv")})
    steps = 'seen.keys = text("split-keys"); seen.told = text("splits"); seen.first = await press("n");'
    shown = show(page_of(path), steps)
    assert shown.console == []
    assert shown.seen["keys"].split() == ["<b>train", "val"]
    assert "image 0 sample 0 [0:32, 30:32]" in shown.seen["told"]
    assert "split <b>train" in shown.seen["first"]


def test_zero_patches_show_an_empty_image(tmp_path):
    shapes = [(1, 1, 20, 30)]
    patching = create_patching(shapes, {"name": "random", "patch_size": 8, "seed": 1})
    specs = patching.get_patch_specs(0, 0)
    path = tmp_path / "plan.parquet"
    config = {"name": "fixed"}
    fixed = create_patching(shapes, {"name": "fixed", "fixed_patch_specs": []})
    write_plan(path, header_of(shapes, specs, config), [fixed])
    shown = show(page_of(path), "seen.n = canvas.dataset.outlines; seen.tip = await hover(0.5, 0.5, 30, 20);")
    assert shown.console == []
    assert shown.seen == {"n": "0", "tip": None}
