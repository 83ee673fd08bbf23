"""What is written is what the strategy says, in every format, with and without rows."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patchplan import api
from patchplan.patching.factory import STRATEGIES, create_patching
from patchplan.patching.random import RandomPatching
from patchplan.patching.stratified import StratifiedPatching
from patchplan.plans.plan import open_plan
from tests.plans.making import LETTERS, SUFFIXES, make_image, make_plan, rows_of

FROM_HEADER = ("sequential", "tiled", "whole")
DRAWN_ANEW: dict[str, Any] = {"random": RandomPatching, "stratified": StratifiedPatching}
Case = tuple[list[tuple[int, ...]], dict[str, Any], int | None]


def fixed_specs(shapes: list[tuple[int, ...]], patch: list[int]) -> list[dict[str, Any]]:
    """A patch at the origin of each image, the last image first."""
    return [
        {"data_idx": i, "sample_idx": shapes[i][0] - 1, "coords": (0,) * len(patch), "patch_size": tuple(patch)}
        for i in reversed(range(len(shapes)))
    ]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Data shapes, a strategy's config, a number of epochs."""
    ndim = draw(st.sampled_from([2, 3]))
    name = draw(st.sampled_from(sorted(STRATEGIES)))
    sizes = st.integers(1, 24 if ndim == 2 else 9)
    shape = st.tuples(st.integers(1, 3), st.integers(1, 2), *[sizes] * ndim)
    shapes = draw(st.lists(shape, min_size=1, max_size=3))
    largest = [min(sizes) if name == "stratified" else 12 for sizes in zip(*(s[2:] for s in shapes), strict=True)]
    patch = [draw(st.integers(1, size)) for size in largest]
    config: dict[str, Any] = {"name": name}
    if name == "fixed":
        config["fixed_patch_specs"] = fixed_specs(shapes, patch)
    elif name != "whole":
        config["patch_size"] = patch
    if name in ("sequential", "tiled"):
        config["overlaps"] = [draw(st.integers(0, size - 1)) for size in patch]
    if name in ("fixed_random", *DRAWN_ANEW):
        config["seed"] = draw(st.integers(0, 2**128 - 1))
    epochs = draw(st.none() | st.integers(1, 3)) if name in DRAWN_ANEW else None
    return shapes, config, epochs


def plan_case(folder: Path, case: Case, suffix: str, *, rows: bool) -> Path:
    shapes, config, epochs = case
    images = [make_image(folder / f"{i}.npy", shape) for i, shape in enumerate(shapes)]
    plan = folder / f"plan{suffix}"
    axes = LETTERS[len(shapes[0]) - 2]
    if config["name"] == "whole" and axes == "TCZYX" and all(shape[2] == 1 for shape in shapes):
        shapes[:] = [(*shape[:2], *shape[3:]) for shape in shapes]  # without a patch size, Z = 1 is dropped
    api.plan(images, plan, config=config, axes=axes, epochs=epochs, rows=rows)
    return plan


@settings(max_examples=120)
@given(cases(), st.sampled_from(SUFFIXES), st.booleans(), st.data())
@example(([(1, 1, 40, 30)], {"name": "tiled", "patch_size": [8, 8], "overlaps": [3, 0]}, None), ".csv", True, None)
@example(([(2, 1, 9, 9, 9)], {"name": "stratified", "patch_size": [2, 3, 4], "seed": 1}, 3), ".parquet", True, None)
def test_what_is_opened_is_what_the_strategy_says(case, suffix, rows, data):
    """Table, pieces, index, epoch and rebuilt strategy equal the strategy built by hand, rows stored or not."""
    with tempfile.TemporaryDirectory() as folder:
        rows = rows or case[1]["name"] not in FROM_HEADER
        plan = open_plan(plan_case(Path(folder), case, suffix, rows=rows))
        shapes, config, epochs = case
        first = create_patching(shapes, config)
        wanted = rows_of(first.get_patch_specs())
        for epoch in range(1, epochs or 1):
            child = np.random.SeedSequence(config["seed"], spawn_key=(epoch,))
            wanted += rows_of(DRAWN_ANEW[config["name"]](shapes, config["patch_size"], child).get_patch_specs())
        table = plan.table()
        assert rows_of(plan.specs()) == wanted
        assert plan.header.rows == rows
        assert plan.data_shapes == tuple(shapes)
        assert plan.n_patches == first.n_patches
        assert len(plan) == plan.n_rows == table.num_rows == len(wanted)
        assert table.column("index").to_pylist() == list(range(first.n_patches)) * (epochs or 1)
        if epochs is None:
            assert "epoch" not in table.schema.names
        else:
            assert table.column("epoch").to_pylist() == [k for k in range(epochs) for _ in range(first.n_patches)]
        assert rows_of(plan.patching.get_patch_specs()) == wanted[: first.n_patches]
        if data is not None:
            start = data.draw(st.integers(0, len(wanted)))
            stop = data.draw(st.integers(start, len(wanted)))
            assert plan.table(start, stop).equals(table.slice(start, stop - start))
            assert rows_of(plan.specs(start, stop)) == wanted[start:stop]


PATCH_2D = ["index", "data_idx", "sample_idx", "coords_y", "coords_x", "patch_size_y", "patch_size_x"]
TILE_3D = [
    *("index", "data_idx", "sample_idx", "coords_z", "coords_y", "coords_x"),
    *("patch_size_z", "patch_size_y", "patch_size_x", "crop_coords_z", "crop_coords_y", "crop_coords_x"),
    *("crop_size_z", "crop_size_y", "crop_size_x", "stitch_coords_z", "stitch_coords_y", "stitch_coords_x"),
    "total_tiles",
]
COLUMNS: dict[str, Any] = {
    "patches": ({"name": "sequential", "patch_size": [64, 64]}, (100, 80), None, PATCH_2D),
    "patches-epochs": ({"name": "random", "patch_size": [64, 64], "seed": 1}, (100, 80), 2, [*PATCH_2D, "epoch"]),
    "tiles-3d": ({"name": "tiled", "patch_size": [4, 64, 64]}, (5, 100, 80), None, TILE_3D),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", COLUMNS)
def test_columns_have_the_names_order_and_types_of_the_schema(tmp_path, kind, suffix):
    config, shape, epochs, names = COLUMNS[kind]
    make_image(tmp_path / "a.npy", shape)
    path = make_plan(tmp_path, suffix, config, axes="ZYX"[-len(shape) :], epochs=epochs)
    assert open_plan(path).table().schema.equals(pa.schema([(name, pa.int64()) for name in names]))
    if suffix == ".csv":
        assert path.read_text().splitlines()[0] == ",".join(f'"{name}"' for name in names)
    if suffix == ".parquet":
        assert pq.read_schema(path).remove_metadata().equals(pa.schema([(name, pa.int64()) for name in names]))


def test_parquet_is_delta_encoded_zstd_with_the_header_in_the_file_metadata(tmp_path):
    make_image(tmp_path / "a.npy", (6000, 6000))
    path = make_plan(tmp_path, ".parquet", {"name": "tiled", "patch_size": 16, "overlaps": 8})
    file = pq.ParquetFile(path)
    for i in range(file.metadata.num_columns):
        column = file.metadata.row_group(0).column(i)
        assert (column.compression, "DELTA_BINARY_PACKED" in column.encodings) == ("ZSTD", True)
    assert file.num_row_groups > 1, "rows are streamed"
    assert file.metadata.num_rows == 749**2
    assert path.stat().st_size < 0.2 * file.metadata.num_rows + 20_000
    assert json.loads(file.metadata.metadata[b"patchplan"])["n_patches"] == 749**2


def test_json_is_one_object_with_specs_nested_like_tile_specs(tmp_path):
    document = json.loads(make_plan(tmp_path, ".json").read_text())
    assert list(document) == ["header", "specs"]
    assert document["specs"][1] == {
        "index": 1,
        "data_idx": 0,
        "sample_idx": 0,
        "coords": [0, 16],
        "patch_size": [64, 64],
        "crop_coords": [0, 40],
        "crop_size": [56, 24],
        "stitch_coords": [0, 56],
        "total_tiles": 4,
    }
    assert len(document["specs"]) == 4


def test_json_names_the_epoch_of_each_spec(tmp_path):
    config = {"name": "random", "patch_size": 64, "seed": 0}
    document = json.loads(make_plan(tmp_path, ".json", config, epochs=2).read_text())
    assert list(document["specs"][-1]) == ["index", "data_idx", "sample_idx", "coords", "patch_size", "epoch"]
    assert [(spec["epoch"], spec["index"]) for spec in document["specs"]] == [(e, i) for e in (0, 1) for i in range(4)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_plan_of_ten_thousand_million_tiles_without_rows_is_a_small_file(tmp_path, suffix):
    make_image(tmp_path / "a.npy", (800_000, 800_000))
    path = make_plan(tmp_path, suffix, {"name": "tiled", "patch_size": 16, "overlaps": 8}, rows=False)
    size = sum(file.stat().st_size for file in tmp_path.glob("plan*"))
    plan = open_plan(path)
    n = 99_999**2
    assert size < 10_000
    assert (len(plan), plan.header.rows) == (n, False)
    assert rows_of(plan.specs(n - 2, n)) == [plan.patching.get_patch_spec(i) for i in (n - 2, n - 1)]
    assert plan.table(n - 2, n).column("index").to_pylist() == [n - 2, n - 1]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_pieces_across_the_ends_of_row_groups_equal_the_strategy(tmp_path, suffix):
    make_image(tmp_path / "a.npy", (5000, 5000))
    config = {"name": "sequential", "patch_size": 16, "overlaps": 8}
    path = make_plan(tmp_path, suffix, config)
    plan, strategy = open_plan(path), create_patching([(1, 1, 5000, 5000)], config)
    edge, n = 1 << 18, strategy.n_patches
    assert n > edge
    for start, stop in ((edge - 3, edge + 2), (edge, edge), (edge, edge + 1), (n - 1, n), (n, n), (0, 1)):
        assert rows_of(plan.specs(start, stop)) == rows_of(strategy.get_patch_specs(start, stop))
        assert plan.table(start, stop).column("index").to_pylist() == list(range(start, stop))
    sizes = [len(piece) for piece in plan.batches(100_000)]
    assert sum(sizes) == n
    assert 1 <= min(sizes) <= max(sizes) <= 100_000


@pytest.mark.parametrize("rows", [True, False], ids=["rows", "no-rows"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rows_outside_the_plan_are_refused(tmp_path, suffix, rows):
    plan = open_plan(make_plan(tmp_path, suffix, rows=rows))
    for start, stop in ((0, 5), (-1, 2), (3, 2), (5, None)):
        with pytest.raises(IndexError, match=r"there are 4 patches"):
            plan.table(start, stop)


@pytest.mark.parametrize("name", sorted(DRAWN_ANEW))
def test_an_epoch_does_not_depend_on_how_many_are_asked_for(tmp_path, name):
    """Epoch 0 is the first pass with the seed; epoch k is SeedSequence(seed, spawn_key=(k,))."""
    config = {"name": name, "patch_size": 8, "seed": 7}
    plans = {}
    for epochs in (None, 1, 2, 4):
        (tmp_path / str(epochs)).mkdir()
        plans[epochs] = open_plan(make_plan(tmp_path / str(epochs), ".parquet", config, epochs=epochs))
    n, longest = plans[4].n_patches, plans[4]
    assert len(longest) == 4 * n
    assert rows_of(longest.specs(0, n)) == rows_of(plans[None].specs())
    for epochs in (1, 2):
        assert plans[epochs].table().equals(longest.table(0, epochs * n))
    passes = [rows_of(longest.specs(k * n, (k + 1) * n)) for k in range(4)]
    assert all(passes[i] != passes[k] for i in range(4) for k in range(i))


def test_the_header_records_the_resolved_config_and_the_images_as_read(tmp_path):
    make_image(tmp_path / "b.npy", (3, 40, 30))
    plan = tmp_path / "plan.parquet"
    api.plan(tmp_path / "b.npy", plan, config={"name": "tiled", "patch_size": 16, "halo": 3}, axes="TYX")
    header = open_plan(plan).header
    assert header.config["patching"] == {"name": "tiled", "patch_size": [16, 16], "overlaps": [6, 6]}
    image = header.images[0]
    assert (image.uri, image.kind, image.axes, image.dtype) == ("b.npy", "npy", "TYX", "uint8")
    assert (image.shape, image.data_shape) == ((3, 40, 30), (3, 1, 40, 30))
    assert (image.n_patches, header.n_patches) == (36, 36)


def test_a_seed_that_was_drawn_is_recorded_and_rebuilds_the_plan(tmp_path):
    path = make_plan(tmp_path, ".json", {"name": "random", "patch_size": 8})
    again = tmp_path / "again.json"
    seed = open_plan(path).header.config["patching"]["seed"]
    api.plan(tmp_path / "a.npy", again, config={"name": "random", "patch_size": 8, "seed": seed})
    assert again.read_bytes() == path.read_bytes()
    assert rows_of(open_plan(path).patching.get_patch_specs()) == rows_of(open_plan(path).specs())


def test_a_table_too_long_for_json_is_refused_before_anything_is_written(tmp_path):
    make_image(tmp_path / "a.npy", (1001, 1000))
    with pytest.raises(ValueError, match=r"1,001,000 rows are too many for .json; allowed are 1,000,000. Use .parquet"):
        make_plan(tmp_path, ".json", {"name": "tiled", "patch_size": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
