"""What a plan loads equals a simulation that counts chunk loads one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.core.morton import morton
from patchplan.coverage import cost, cost_chunks, cost_rows
from patchplan.coverage.cost_rows import CostRows
from patchplan.coverage.report import inspect_plan
from patchplan.coverage.rows import PlanRows
from patchplan.patching import create_patching
from tests.coverage.loading import Simulated, chunked_plan, interleaved, morton_sorted
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
    chunks = data.draw(stored(shapes))
    cache = data.draw(st.one_of(st.just(0), st.integers(1, 40_000), st.just(MUCH)))
    result = inspect_plan(chunked_plan(shapes, chunks, specs), 0, cache=cache)
    total = result.total.cost
    assert total is not None
    rows = list(specs)
    moved = morton_sorted(rows, chunks)
    in_order, in_morton = (Simulated(shapes, chunks, cache).read(some) for some in (rows, moved))
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
    assert (total.n_counted, total.sampled) == (len(specs), False)


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


@given(data=st.data())
def test_runs_of_a_sample_are_warmed_by_their_first_half(data):
    """Rows of a large plan: evenly spaced runs, of which the second half is counted, with any batches."""
    shapes, config = data.draw(setups("random"))
    specs = create_patching(shapes, config).get_patch_specs()
    chunks = [data.draw(st.tuples(*[st.integers(1, 9)] * len(shapes[0])))] * len(shapes)
    cache = data.draw(st.integers(0, 5000))
    exact, length = data.draw(st.integers(0, 40)), min(len(specs), data.draw(st.integers(2, 5)))
    with pytest.MonkeyPatch.context() as patch:
        for module in (cost, cost_rows):
            patch.setattr(module, "EXACT_ROWS", exact)
        patch.setattr(cost_rows, "RUN_ROWS", length)
        patch.setattr(cost_chunks, "BATCH", data.draw(st.integers(1, 9)))
        found = inspect_plan(chunked_plan(shapes, chunks, specs), 0, cache=cache).total.cost
    assert found is not None
    rows = list(specs)
    simulated = [Simulated(shapes, chunks, cache)]
    if len(specs) <= exact:
        simulated[0].read(rows)
    else:
        simulated = []
        for start, stop in cost_rows.spans(len(rows), length):
            half = start + (stop - start) // 2
            one = Simulated(shapes, chunks, cache).read(rows[start:half], counts=False)
            simulated.append(one.read(rows[half:stop]))
    assert found.sampled == (len(specs) > exact)
    assert found.plan_order is not None
    loads, wanted = (sum(sum(getattr(one, name)) for one in simulated) for name in ("loads", "wanted"))
    if (found.plan_order.chunks, found.plan_order.bytes_wanted) != (loads, wanted):
        # the cache holds all chunks, and each of them once is less than what runs of a sample load
        assert found.sampled
        assert found.plan_order.bytes_wanted == found.bytes_read
    assert found.bytes_read == sum(Simulated(shapes, chunks, 0).read(rows).wanted)


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
