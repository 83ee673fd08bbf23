"""Only the same run goes on: other options, plans and images are refused, and named."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patchplan
from patchplan.plans.subset import write_subset
from tests.cli.running import listing
from tests.extracting.going_on import TILED, extract, later, stop
from tests.extracting.making import make_npy
from tests.extracting.stopping import StoppedError, stop_here, stopping_after

Change = Callable[[Path], object]

OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "padding": ({"pad_mode": "edge"}, "--pad-mode constant, and now it is edge"),
    "channels": ({"channels": [0]}, "--channels all, and now it is 0"),
    "images": ({"images": "other.npy"}, "--from none, and now it is given"),
    "format": ({"format": "tif"}, "what is written folder of npy, and now it is folder of tif"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_options_are_refused_and_named(made, tmp_path, name):
    options, words = OTHERS[name]
    shutil.copytree(made, tmp_path / "made")
    make_npy(tmp_path / "made" / "other.npy", (50, 54), "u2", 1)
    stop(tmp_path / "made", tmp_path, "npy", 4)
    before = listing(tmp_path)
    if "images" in options:
        options = {"images": tmp_path / "made" / "other.npy"}
    with pytest.raises(patchplan.PatchplanError, match=f"was begun with {words}; "):
        patchplan.extract(tmp_path / "made" / "p.csv", tmp_path / "out", resume=True, **options)
    assert {name: data for name, data in listing(tmp_path).items() if name != "out.partial/lock"} == {
        name: data for name, data in before.items() if name != "out.partial/lock"
    }


def test_memory_and_threads_may_be_others(made, tmp_path):
    stop(made, tmp_path, "stack", 4, workers=1, memory="1GB")
    extract(made, tmp_path, "stack", resume=True, workers=3, memory="300MB")
    assert listing(tmp_path) == listing(made / "stack")


def test_another_plan_epoch_and_part_of_a_plan_are_refused(made, tmp_path):
    image = make_npy(tmp_path / "a.npy", (50, 54), "u2")
    random = {"name": "random", "patch_size": 8, "seed": 1}
    patchplan.plan(image, tmp_path / "r.csv", patching=random, epochs=2)
    with stopping_after(2, stop_here), pytest.raises(StoppedError):
        patchplan.extract(tmp_path / "r.csv", tmp_path / "out.npy")
    with pytest.raises(patchplan.PatchplanError, match=r"--epoch 0, and now it is 1"):
        patchplan.extract(tmp_path / "r.csv", tmp_path / "out.npy", epoch=1, resume=True)
    patchplan.plan(image, tmp_path / "s.csv", patching={**random, "seed": 2}, epochs=2)
    with pytest.raises(patchplan.PatchplanError, match=r"a plan of digest \w+, and now it is"):
        patchplan.extract(tmp_path / "s.csv", tmp_path / "out.npy", resume=True)
    parts = [part_of(made / "p.csv", tmp_path / f"part{left_out}.csv", left_out) for left_out in (0, 1)]
    with stopping_after(2, stop_here), pytest.raises(StoppedError):
        patchplan.extract(parts[0], tmp_path / "part.npy")
    with pytest.raises(patchplan.PatchplanError, match=r"patches whose indices have the digest \w+, and now it is"):
        patchplan.extract(parts[1], tmp_path / "part.npy", resume=True)


def part_of(plan: Path, path: Path, left_out: int) -> Path:
    """Write a plan without one of its tiles."""
    rows = patchplan.open_plan(plan).epoch()
    write_subset(rows, np.setdiff1d(np.arange(rows.n), [left_out]), path)
    return path


CHANGES: dict[str, Change] = {
    "pixels": lambda path: np.save(path, np.load(path) + 1),
    "time": later,
}


@pytest.mark.parametrize("change", ["pixels", "time"])
@pytest.mark.parametrize("given", [False, True], ids=["of the plan", "given"])
def test_an_image_that_has_changed_is_refused_and_named(small_batches, tmp_path, change, given):
    for number in range(2):
        make_npy(tmp_path / f"{number}.npy", (50, 54), "u2", number)
        make_npy(tmp_path / f"other{number}.npy", (50, 54), "u1", number)
    patchplan.plan([tmp_path / "0.npy", tmp_path / "1.npy"], tmp_path / "p.csv", patching=TILED)
    options: Any = {"images": [tmp_path / "other0.npy", tmp_path / "other1.npy"]} if given else {}
    with stopping_after(2, stop_here), pytest.raises(StoppedError):
        patchplan.extract(tmp_path / "p.csv", tmp_path / "out", **options)
    path = tmp_path / ("other1.npy" if given else "1.npy")
    CHANGES[change](path)
    later(path)
    with pytest.raises(
        patchplan.PatchplanError, match=rf"out\.partial: image 1 \(.*{path.name}\) has changed since the run began"
    ):
        patchplan.extract(tmp_path / "p.csv", tmp_path / "out", resume=True, **options)
    if given:
        with pytest.raises(patchplan.PatchplanError, match=r"was begun with image 0 .*, and now it is .*1\.npy; --res"):
            patchplan.extract(tmp_path / "p.csv", tmp_path / "out", resume=True, images=options["images"][::-1])


def test_the_same_images_read_in_another_way_are_refused(small_batches, tmp_path):
    make_npy(tmp_path / "a.npy", (40, 40), "u2")
    make_npy(tmp_path / "mask.npy", (40, 40), "u1")
    patchplan.plan(tmp_path / "a.npy", tmp_path / "p.csv", patching=TILED)
    mask = {"images": tmp_path / "mask.npy"}
    with stopping_after(2, stop_here), pytest.raises(StoppedError):
        patchplan.extract(tmp_path / "p.csv", tmp_path / "out", axes="YX", **mask)
    with pytest.raises(patchplan.PatchplanError, match=r"mask.npy\) read in another way: axes, series, level or array"):
        patchplan.extract(tmp_path / "p.csv", tmp_path / "out", axes="XY", resume=True, **mask)


def test_a_leftover_is_refused_without_a_word_and_replaced_with_overwrite(made, tmp_path):
    stop(made, tmp_path, "npy", 4)
    with pytest.raises(patchplan.PatchplanError, match=r"out.partial: is left from a run that was stopped; use --resu"):
        extract(made, tmp_path, "npy")
    extract(made, tmp_path, "npy", overwrite=True)
    assert listing(tmp_path) == listing(made / "npy")
