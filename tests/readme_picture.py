"""Draw the README's picture from the demo's image; `python -m tests.readme_picture` renews it."""

from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image
from scipy.ndimage import gaussian_filter

import patchplan

IMAGE = Path(patchplan.__file__).parent / "demo" / "nuclei.tif"
PICTURE = Path(__file__).parents[1] / "how_it_works.png"
GREY, READ, KEPT = "#7d8590", "#e8833a", "#3f8fe0"  # seen on white and on black
CROP, TILE, OVERLAP, GAP = 320, 128, 32, 12
TITLES = ("an image", "plan", "your model, anywhere", "stitch")
TEXTS = ("larger than memory", "a table of tiles", "a prediction per tile", "what is kept, put together")


def main() -> None:
    """Draw image, tiles, predictions and the stitched image beside each other."""
    image = patchplan.open_image(IMAGE).read(0, (0, 0), (CROP, CROP))[0].astype("float32")
    tiling = patchplan.TiledPatching([(1, 1, CROP, CROP)], (TILE, TILE), (OVERLAP, OVERLAP))
    tiles: list[Any] = [tiling.get_patch_spec(k) for k in range(tiling.n_patches)]
    figure, panels = plt.subplots(1, 4, figsize=(10, 3), gridspec_kw={"wspace": 0.16})
    figure.subplots_adjust(left=0.01, right=0.99, top=0.9, bottom=0.18)
    for panel, title, text in zip(panels, TITLES, TEXTS, strict=True):
        panel.axis("off")
        panel.set_title(title, color=GREY, fontsize=13, fontweight="bold")
        panel.text(0.5, -0.09, text, transform=panel.transAxes, ha="center", va="center", color=GREY, fontsize=9.5)
    for panel in panels[:3]:
        panel.annotate("", (1.14, 0.5), (1.02, 0.5), "axes fraction", arrowprops={"arrowstyle": "->", "color": GREY})
    panels[1].text(0.24, -0.2, "what it reads", transform=panels[1].transAxes, ha="center", color=READ, fontsize=9.5)
    panels[1].text(0.77, -0.2, "what it keeps", transform=panels[1].transAxes, ha="center", color=KEPT, fontsize=9.5)
    _show(panels[0], np.sqrt(image))
    _draw_plan(panels[1], np.sqrt(image), tiles)
    stitched = _draw_predictions(panels[2], image, tiles)
    if not np.array_equal(stitched, _model(image)):
        raise SystemExit("the tiles' halo is too small for this model")
    _show(panels[3], stitched)
    drawn = BytesIO()
    figure.savefig(drawn, dpi=120, transparent=True)
    Image.open(drawn).quantize(method=Image.Quantize.FASTOCTREE).save(PICTURE, optimize=True)


def _draw_plan(panel: Any, image: Any, tiles: list[Any]) -> None:
    _show(panel, image)
    for tile in tiles:
        _outline(panel, tile["coords"], tile["patch_size"], READ, 0.7)
    middle = tiles[len(tiles) // 2]
    _outline(panel, middle["coords"], middle["patch_size"], READ, 2.5)
    _outline(panel, middle["stitch_coords"], middle["crop_size"], KEPT, 2.5)


def _draw_predictions(panel: Any, image: Any, tiles: list[Any]) -> Any:
    """Draw the predictions apart; return what is kept of them, put together."""
    stitched = np.empty_like(image)
    for tile in tiles:
        prediction = _model(image[_box(tile["coords"], tile["patch_size"])])
        corner = np.array(tile["coords"]) // (TILE - OVERLAP) * (TILE + GAP)
        _show(panel, prediction, corner)
        _outline(panel, corner + tile["crop_coords"], tile["crop_size"], KEPT, 1.2)
        kept = prediction[_box(tile["crop_coords"], tile["crop_size"])]
        stitched[_box(tile["stitch_coords"], tile["crop_size"])] = kept
    return stitched


def _model(patch: Any) -> Any:
    return (gaussian_filter(patch, 3) > 36) * np.float32(0.75)


def _box(start: Any, size: Any) -> tuple[slice, ...]:
    return tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))


def _show(panel: Any, pixels: Any, corner: Any = (0, 0)) -> None:
    (y, x), (height, width) = corner, pixels.shape
    panel.imshow(
        pixels,
        cmap="gray",
        vmin=0,
        vmax=max(1, pixels.max()),
        extent=(x, x + width, y + height, y),
        interpolation="none",
    )
    panel.autoscale(enable=True)
    panel.update_datalim([(x, y), (x + width, y + height)])


def _outline(panel: Any, start: Any, size: Any, colour: str, width: float) -> None:
    box = Rectangle((start[1], start[0]), size[1], size[0], fill=False, edgecolor=colour, linewidth=width)
    panel.add_patch(box)


if __name__ == "__main__":
    main()
