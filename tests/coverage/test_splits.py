"""What splits share equals painting a mask per split and looking where two are set."""

import re
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import patchplan
from patchplan.coverage.require import failures
from patchplan.coverage.rows import PlanRows
from patchplan.coverage.splits import plan_splits
from patchplan.errors import ConfigError, PlanError, ShapeError
from patchplan.patching import create_patching
from tests.coverage.canvas import TablePlan, painted
from tests.laws.test_contract import setups
from tests.plans.making import edit, make_image

MANY = 10**6
NAMES = ("train", "val", "test")


def masks(shapes, specs, labels, context):
    """Masks S (Z) Y X per image by label; each patch is grown by the context."""
    found: dict[Any, list[Any]] = {}
    for spec, label in zip(specs, labels, strict=True):
        images = found.setdefault(label, [np.zeros((shape[0], *shape[2:]), bool) for shape in shapes])
        spans = zip(spec["coords"], spec["patch_size"], context, strict=True)
        box = tuple(slice(max(a - more, 0), a + n + more) for a, n, more in spans)
        images[spec["data_idx"]][(spec["sample_idx"], *box)] = True
    return found


@pytest.mark.parametrize("name", ["fixed_random", "tiled", "whole"])
@settings(max_examples=25)
@given(data=st.data())
def test_shared_pixels_equal_masks_painted_per_split(name, data):
    """Per fold, for any two splits, in blocks and windows so small that every edge is crossed."""
    shapes, config = data.draw(setups(name))
    specs = create_patching(shapes, config).get_patch_specs()
    n, ndim = len(specs), specs.ndim
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    names = rng.choice(NAMES[: data.draw(st.integers(1, 3))], n).tolist()
    folds = rng.integers(0, 2, n).tolist() if data.draw(st.booleans()) else None
    context = data.draw(st.tuples(*[st.integers(0, 3)] * ndim))
    keys = {"split": names} | ({} if folds is None else {"fold": folds})
    rows = PlanRows(TablePlan(shapes, specs, **keys), max_held=data.draw(st.sampled_from([1, 2, 5, 1000])))
    found = plan_splits(rows, context, MANY, max_cells=data.draw(st.sampled_from([1, 2, 7, 50, MANY])))
    labels = [(0 if folds is None else folds[i], names[i]) for i in range(n)]
    plain, grown = (masks(shapes, specs, labels, more) for more in ((0,) * ndim, context))
    assert sorted(found.names) == sorted(set(names))
    for one in found.names:
        assert found.per_split[one].n_patches == names.count(one)
        mine = [mask for (_, name), images in plain.items() if name == one for mask in images]
        assert found.per_split[one].pixels == sum(int(mask.sum()) for mask in mine)
    leaks = {(leak.fold or 0, frozenset(leak.splits)): leak for leak in found.leaks}
    assert len(leaks) == len(found.leaks)
    for a, b in combinations(grown, 2):
        if a[0] != b[0]:
            continue
        shared = [x & y for x, y in zip(grown[a], grown[b], strict=True)]
        leak = leaks.pop((a[0], frozenset((a[1], b[1]))), None)
        assert (0 if leak is None else leak.pixels) == sum(int(both.sum()) for both in shared)
        for i, both in enumerate(shared):
            boxes = [] if leak is None else [box for box in leak.boxes if box.data_idx == i]
            assert np.array_equal(painted(boxes, shapes[i]), both)
    assert not leaks


@given(st.integers(0, 9), st.integers(0, 5))
def test_the_first_boxes_are_the_first_of_all(most, seed):
    shapes = [(3, 1, 20, 20)]
    specs = create_patching(shapes, {"name": "random", "patch_size": 5, "seed": seed}).get_patch_specs()
    plan = TablePlan(shapes, specs, split=[NAMES[i % 2] for i in range(len(specs))])
    every, few = (plan_splits(PlanRows(plan), (1, 1), n) for n in (MANY, most))
    assert every.leaks[0].pixels == few.leaks[0].pixels
    assert few.leaks[0].boxes == every.leaks[0].boxes[:most]


def test_sizes_beyond_32_bits_and_beyond_exact_floats_are_counted():
    """Two boxes on an image of 2**80 pixels, grown by more than there is."""
    side = 2**40
    rows = [
        {"data_idx": 0, "sample_idx": 0, "coords": (5, 7), "patch_size": (side, 11)},
        {"data_idx": 0, "sample_idx": 0, "coords": (0, 0), "patch_size": (6, 8)},
    ]
    shapes = [(1, 1, side, side)]
    specs = create_patching(shapes, {"name": "fixed", "fixed_patch_specs": rows}).get_patch_specs()
    plan = TablePlan(shapes, specs, split=["train", "val"])
    found = plan_splits(PlanRows(plan), (0, 0), 5)
    assert found.per_split["train"].pixels == (side - 5) * 11
    assert [(leak.pixels, leak.boxes[0].start, leak.boxes[0].stop) for leak in found.leaks] == [(1, (5, 7), (6, 8))]
    assert plan_splits(PlanRows(plan), (2**62, 2**62), 5).leaks[0].pixels == side**2


def split_plan(folder, names, suffix=".csv"):
    """A plan of four patches of 10 x 10 that stand side by side, of these splits."""
    make_image(folder / "a.npy", (10, 40))
    lines = [f"0,0,0,{10 * i},10,10,{name}" for i, name in enumerate(names)]
    header = "data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split"
    (folder / "table.csv").write_text("\n".join([header, *lines, ""]))
    table = str(folder / "table.csv")
    path = folder / f"plan{suffix}"
    patchplan.plan(folder / "a.npy", path, patching={"name": "fixed", "table": table}, overwrite=True)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_neighbours_share_nothing_but_their_context(tmp_path, suffix):
    path = split_plan(tmp_path, ["train", "train", "val", "val"], suffix)
    clean = patchplan.inspect(path)
    assert clean.splits is not None
    assert (clean.splits.names, clean.splits.context, clean.splits.leaks) == (("train", "val"), (0, 0), ())
    assert clean.splits.per_split["val"].pixels == 200
    assert failures(clean, require_no_leak=True) == []
    leaky = patchplan.inspect(path, context=(0, 3))
    assert leaky.splits is not None
    leak = leaky.splits.leaks[0]
    assert (leak.splits, leak.pixels, leaky.splits.leaked) == (("train", "val"), 60, 60)
    assert leaky.splits.per_split == clean.splits.per_split
    assert failures(leaky, require_no_leak=True) == [
        "leak: found 60 pixels in train and val, first at image 0 sample 0 [0:10, 17:23]; "
        "required: none (--require-no-leak)"
    ]
    assert "leak: 60 pixels in train and val" in leaky._repr_html_()
    assert type(leaky).model_validate_json(leaky.model_dump_json()) == leaky


def test_rows_of_no_split_are_refused(tmp_path):
    with pytest.raises(PlanError, match="column split has"):
        patchplan.inspect(split_plan(tmp_path, ["train", "", "val", "val"]))


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
def test_splits_that_are_null_are_refused(tmp_path, suffix):
    path = split_plan(tmp_path, ["train", "val"], suffix)
    edit(path, lambda rows: rows[1].update(split=None))
    with pytest.raises(PlanError, match="split"):
        patchplan.inspect(path)


def test_a_plan_without_splits_has_none_to_compare(tmp_path):
    make_image(tmp_path / "a.npy")
    path = tmp_path / "plan.parquet"
    patchplan.plan(tmp_path / "a.npy", path, patching={"name": "random", "patch_size": 16, "seed": 1})
    result = patchplan.inspect(path)
    assert result.splits is None
    with pytest.raises(
        ConfigError, match=r"--require-no-leak: found no splits to compare in .*plan.parquet; allowed: a"
    ):
        failures(result, require_no_leak=True)
    with pytest.raises(ConfigError, match=r"--context, --require-no-leak: .*plan.parquet has no column split"):
        patchplan.inspect(path, context=3)


def test_more_names_than_can_be_compared_are_a_finding(tmp_path):
    specs = create_patching([(1, 1, 50, 50)], {"name": "random", "patch_size": 5, "seed": 1}).get_patch_specs()
    plan = TablePlan([(1, 1, 50, 50)], specs, split=[f"s{i}" for i in range(len(specs))])
    with pytest.raises(PlanError, match=r"column split has more than 16 names \(s0, s1, s2, ...\)"):
        plan_splits(PlanRows(plan), (0, 0), 5)


@pytest.mark.parametrize("context", [-1, (1, -1), (1, 2, 3), "x", 1.5])
def test_a_context_that_makes_no_sense_is_refused(tmp_path, context):
    with pytest.raises(ShapeError, match="--context"):
        patchplan.inspect(split_plan(tmp_path, ["train", "val"]), context=context)


@pytest.mark.parametrize("pair", [("train", "train "), (" val", "val"), ("a\t", "a")])
def test_names_that_differ_by_spaces_only_are_refused(pair):
    specs = create_patching([(1, 1, 50, 50)], {"name": "random", "patch_size": 5, "seed": 1}).get_patch_specs()
    plan = TablePlan([(1, 1, 50, 50)], specs, split=[pair[i % 2] for i in range(len(specs))])
    with pytest.raises(PlanError, match=f"column split has {re.escape(repr(pair[0]))} and .* differ by spaces only"):
        plan_splits(PlanRows(plan), (0, 0), 5)


@pytest.mark.parametrize("context", [0, 2])
@pytest.mark.parametrize("folds", [None, [0, 0, 1, 1, 0], [0, 1, 1, 1, 1]], ids=["no folds", "two", "one alone"])
def test_progress_reaches_its_end(folds, context):
    shapes = [(2, 1, 9, 9), (1, 1, 30, 20)]
    rows = [(0, 0, (0, 0)), (0, 1, (1, 1)), (1, 0, (0, 0)), (1, 0, (3, 3)), (1, 0, (20, 10))]
    boxes = [
        {"data_idx": image, "sample_idx": sample, "coords": coords, "patch_size": (5, 5)}
        for image, sample, coords in rows
    ]
    specs = create_patching(shapes, {"name": "fixed", "fixed_patch_specs": boxes}).get_patch_specs()
    keys = {"split": ["train", "val", "train", "val", "test"]} | ({} if folds is None else {"fold": folds})
    seen: list[tuple[str, int, int]] = []
    plan_splits(PlanRows(TablePlan(shapes, specs, **keys)), (context, context), 5, 7, lambda *step: seen.append(step))
    n_pixels = (2 * 81 + 600) * (1 if folds is None else 2) * (2 if context else 1)
    assert seen[-1] == ("pixels of splits", n_pixels, n_pixels)
    assert len(seen) > 6
