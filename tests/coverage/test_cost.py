"""What a plan loads equals a simulation that counts chunk loads one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.core.morton import morton
from patchplan.coverage import cost_chunks, cost_rows, cost_runs
from patchplan.coverage.cost_rows import CostRows
from patchplan.coverage.cost_touches import floor_sum
from patchplan.coverage.report import inspect_plan
from patchplan.coverage.rows import PlanRows
from patchplan.patching import create_patching
from tests.coverage.loading import GridPlan, Simulated, chunked_plan, interleaved, morton_sorted
from tests.laws.test_contract import every_strategy, setups

MUCH = 10**12


@st.composite
def stored(draw, shapes):
    """Chunks of every image, of one size, of several, larger than the image, or none."""
    one = st.tuples(*[st.integers(1, 9)] * len(shapes[0]))
    equal = draw(st.one_of(st.none(), one))
    return [equal if equal is not None else draw(st.one_of(st.none(), one)) for _ in shapes]


def check(image, simulated, i, order):
    found = getattr(image.cost, order)
    assert found.bytes == simulated.bytes_loaded(i)
    assert found.bytes_wanted == simulated.wanted[i]
    assert found.chunks == simulated.loads[i]
    assert found.amplification == (found.bytes / found.bytes_wanted if found.bytes_wanted else None)


@every_strategy
@given(data=st.data())
def test_loads_equal_a_simulation_of_the_cache(name, data):
    """In both orders, for any chunks, also of several channels and samples, through a cache of any size."""
    shapes, config = data.draw(setups(name))
    specs = create_patching(shapes, config).get_patch_specs()
    chunks, strips = data.draw(stored(shapes)), data.draw(st.booleans())
    if strips:
        chunks = [one and (*one[:-1], shape[-1]) for one, shape in zip(chunks, shapes, strict=True)]
    cache = data.draw(st.one_of(st.just(0), st.integers(1, 40_000), st.just(MUCH)))
    plan = chunked_plan(shapes, chunks, specs, kind="tiff" if strips else "zarr")
    result = inspect_plan(plan, 0, cache=cache)
    total = result.total.cost
    assert total is not None
    rows = list(specs)
    moved = morton_sorted(rows, chunks)
    in_order, in_morton = (Simulated(shapes, chunks, cache, strips=strips).read(some) for some in (rows, moved))
    for i, image in enumerate(result.images):
        assert image.cost is not None
        check(image, in_order, i, "plan_order")
        check(image, in_morton, i, "morton_order")
        assert image.cost.bytes_read == in_order.wanted[i]
        assert image.cost.bytes == 2 * np.prod(shapes[i])
        touches = in_order.touches[i]
        if touches and image.cost.unit == "chunk":
            assert image.cost.chunks_per_patch is not None
            assert image.cost.chunks_per_patch.mean == pytest.approx(np.mean(touches))
            assert image.cost.chunks_per_patch.max == max(touches)
    assert total.plan_order is not None
    assert total.plan_order.bytes == sum(in_order.bytes_loaded(i) for i in range(len(shapes)))
    assert (total.n_counted, total.sampled, total.plan_order.at_most) == (len(specs), False, False)


@pytest.mark.parametrize("name", ["tiled", "sequential", "whole"])
@given(data=st.data())
def test_a_grid_without_rows_costs_what_its_rows_do(name, data):
    """In closed form: touches, and what a cache of all or of nothing loads; and through any other."""
    shapes, config = data.draw(setups(name))
    patching = create_patching(shapes, config)
    specs = patching.get_patch_specs()
    chunks = [one and (*one[:-1], shape[-1]) for one, shape in zip(data.draw(stored(shapes)), shapes, strict=True)]
    plan = chunked_plan(shapes, chunks, specs, kind="tiff")
    cache = data.draw(st.one_of(st.just(0), st.integers(1, 9000), st.just(MUCH)))
    from_rows = inspect_plan(plan, 0, cache=cache)
    header = plan.header.model_copy(update={"config": {"patching": config}, "rows": False})
    without = inspect_plan(GridPlan(plan, header), 0, cache=cache)
    assert (from_rows.counted, without.counted) == ("rows", "grid")
    assert [image.cost for image in without.images] == [image.cost for image in from_rows.images]


@given(data=st.data())
def test_a_cache_of_all_loads_each_chunk_once_and_none_loads_every_touch(data):
    shapes, config = data.draw(setups("random"))
    specs = create_patching(shapes, config).get_patch_specs()
    chunks = [data.draw(st.tuples(*[st.integers(1, 9)] * len(shapes[0])))] * len(shapes)
    plan = chunked_plan(shapes, chunks, specs)
    every, none = (inspect_plan(plan, 0, cache=cache).total.cost for cache in (MUCH, 0))
    simulated = Simulated(shapes, chunks, 0)
    keys = [(spec["data_idx"], *key) for spec in specs for key in simulated._box(spec)]
    assert every is not None
    assert none is not None
    for order in ("plan_order", "morton_order"):
        assert getattr(every, order).chunks == len(set(keys))
        assert getattr(none, order).chunks == len(keys)


@pytest.mark.parametrize("name", ["fixed_random", "tiled"])
@pytest.mark.parametrize("kept", [True, False], ids=["rows", "grid"])
@given(data=st.data())
def test_a_sample_counts_what_following_all_rows_counts_there(name, kept, data):
    """The second halves of evenly spaced runs, with any batches; in Morton order each run has a cache of its own."""
    shapes, config = data.draw(setups("tiled" if not kept else name))
    specs = create_patching(shapes, config).get_patch_specs()
    chunks = [data.draw(st.tuples(*[st.integers(1, 9)] * len(shapes[0])))] * len(shapes)
    place = 2 * int(np.prod(chunks[0])) * -(-max(shape[1] for shape in shapes) // chunks[0][1])
    cache = data.draw(st.integers(0, 9)) * place
    plan = chunked_plan(shapes, chunks, specs)
    if not kept:
        plan = GridPlan(plan, plan.header.model_copy(update={"config": {"patching": config}, "rows": False}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cost_runs, "EXACT_ROWS", 0)
        patch.setattr(cost_runs, "RUN_ROWS", data.draw(st.integers(2, 5)))
        patch.setattr(cost_runs, "BEFORE_ROWS", data.draw(st.sampled_from([(1,), (1, 3, 1000)])))
        patch.setattr(cost_chunks, "BATCH", data.draw(st.integers(1, 9)))
        length = min(cost_runs.RUN_ROWS, len(specs) // cost_runs.N_RUNS)
        found = inspect_plan(plan, 0, cache=cache).total.cost
    assert found is not None
    assert found.plan_order is not None
    assert found.morton_order is not None
    if not found.sampled:
        assert found.n_counted == len(specs)
        return
    rows, moved_loads, at = list(specs), 0, 0
    simulated = Simulated(shapes, chunks, cache)
    for start, stop in cost_runs.spans(len(specs), length):
        half = start + (stop - start) // 2
        simulated.read(rows[at:half], counts=False).read(rows[half:stop])
        at = stop
        moved = morton_sorted(rows[start:stop], chunks)
        cold = Simulated(shapes, chunks, cache).read(moved[: half - start], counts=False)
        moved_loads += sum(cold.read(moved[half - start :]).loads)
    assert found.morton_order.at_most
    assert found.morton_order.chunks == moved_loads
    assert found.plan_order.chunks >= sum(simulated.loads)
    assert found.plan_order.at_most or found.plan_order.chunks == sum(simulated.loads)
    assert not (kept and found.plan_order.at_most)


@given(st.integers(0, 30), st.integers(1, 9), st.integers(0, 30), st.integers(0, 30))
def test_the_sum_of_floors_is_that_of_a_loop(n, m, a, b):
    assert floor_sum(n, m, a, b) == sum((a * k + b) // m for k in range(n))


@given(data=st.data())
def test_morton_order_is_the_same_patches_an_epoch_at_a_time(data):
    shapes, config = data.draw(setups("fixed_random"))
    specs = create_patching(shapes, config).get_patch_specs()
    epochs = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(specs), max_size=len(specs))))
    chunks = [data.draw(st.tuples(*[st.integers(1, 9)] * len(shapes[0])))] * len(shapes)
    rows = PlanRows(chunked_plan(shapes, chunks, specs, epoch=epochs))
    every = cost_rows.all_rows(rows)
    chunk = np.array([chunks[0][2:]] * len(specs))
    moved = every.in_morton_order(chunk)
    assert sorted(map(str, zip(*every, strict=True))) == sorted(map(str, zip(*moved, strict=True)))
    expected = morton_sorted(list(specs), chunks, epochs)
    assert [tuple(start) for start in moved.start.tolist()] == [spec["coords"] for spec in expected]


@given(st.lists(st.tuples(st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1)), max_size=9))
def test_the_code_is_the_bits_by_turns(cells):
    assert morton(np.array(cells, np.int64).reshape(-1, 2)).tolist() == [interleaved(cell) for cell in cells]


def test_rows_keep_their_order_by_image():
    flat = np.zeros(4, np.int64)
    rows = CostRows(flat, np.array([1, 0, 1, 0]), flat, flat[:, None], flat[:, None])
    assert [(image, np.arange(4)[mine].tolist()) for image, mine in rows.by_image()] == [(0, [1, 3]), (1, [0, 2])]
