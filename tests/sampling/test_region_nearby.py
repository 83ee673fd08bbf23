"""Tiles in regions, of which those far away are not looked at: the same rows, at the cost of the near ones."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patchplan.patching import SequentialPatching, TiledPatching
from patchplan.plans.parts import Part
from patchplan.sampling import picked
from patchplan.sampling.picked import Picked
from patchplan.sampling.regions import RegionTest
from patchplan.sampling.regions.nearby import nearby
from patchplan.sampling.regions.outlines import Outline
from patchplan.sampling.regions.region import PolygonRegion


@st.composite
def cases(draw):
    """A grid over images, and polygons on some planes of each."""
    ndim = draw(st.integers(2, 3))
    size = draw(st.lists(st.integers(1, 9), min_size=ndim, max_size=ndim))
    overlaps = [draw(st.integers(0, n - 1)) for n in size]
    images = [
        ([draw(st.integers(1, 3)), 1, *(draw(st.integers(1, 30)) for _ in range(ndim))], draw(outlines(ndim)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    overhang = draw(st.sampled_from([None, 1])) if ndim == 2 else None
    kind = draw(st.sampled_from([SequentialPatching, TiledPatching]))
    return kind([shape for shape, _ in images], size, overlaps, multiple_of=overhang), [some for _, some in images]


def outlines(ndim):
    ends = st.sampled_from([-1e15, -3.5, 35, 1e15]) | st.floats(-10, 40, width=16)
    ring = st.lists(st.tuples(ends, ends), min_size=3, max_size=5).map(np.array)
    z = st.none() | st.tuples(st.integers(-2, 20), st.integers(1, 9)).map(lambda pair: (pair[0], sum(pair)))
    t = st.none() | st.integers(0, 3)
    made = st.builds(Outline, st.tuples(ring), z if ndim == 3 else st.none(), t)
    return st.lists(made, max_size=3)


def source_of(shape: Any) -> Any:
    """An image whose samples are time points."""
    axes = "TCZYX" if len(shape) == 5 else "TCYX"
    return SimpleNamespace(axes=axes, shape=tuple(shape), data_shape=tuple(shape), layout=SimpleNamespace(samples=[0]))


def slivers(*, far: float) -> tuple[Any, Any]:
    """Tiles of a pixel, and a triangle with corners so far away that where its edges cross rows is rounded."""
    ring = np.array([[-far, 1.3 * far], [9.0, 10.0], [-far, 2 * far]])
    return SequentialPatching([(1, 1, 9, 30)], (1, 1)), [[Outline((ring,))]]


@given(cases(), st.sampled_from(["inside", "touching", "covered"]), st.integers(1, 40), st.integers(1, 30))
@example(slivers(far=1e17), "touching", 9, 3)
@settings(max_examples=60)
def test_near_patches_that_pass_are_all_that_pass(case, keep, size, gap):
    patching, drawn = case
    sources = [source_of(shape) for shape in patching.data_shapes]
    regions = [PolygonRegion(some, source) for some, source in zip(drawn, sources, strict=True)]
    test = RegionTest(regions, patching.data_shapes, keep, 0.3)
    wanted = np.flatnonzero(test.keeps(patching.get_patch_specs()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picked, "GAP", gap)
        patch.setattr(picked, "STEP", size)
        pieces = list(nearby(patching, test, size))
        found = np.concatenate([np.zeros(0, int), *(rows[test.keeps(specs)] for rows, specs in pieces)])
        assert found.tolist() == wanted.tolist()
        part = Part(patching, wanted)
        for start in range(0, len(wanted), 7):
            stop = min(start + 7, len(wanted))
            assert list(Picked(patching, wanted).get_patch_specs(start, stop)) == list(part.specs(start, stop))
    assert all(len(rows) == len(specs) <= 2 * size for rows, specs in pieces)


def test_of_very_many_tiles_only_the_near_ones_are_made(monkeypatch):
    shapes = [(1, 1, 6_400_000, 6_400_000)] * 2
    patching = TiledPatching(shapes, (64, 64), (0, 0))
    source = source_of(shapes[0])
    box = Outline.of_box((6_000_000, 1_000, 6_001_000, 3_000))
    test = RegionTest([PolygonRegion([], source), PolygonRegion([box], source)], shapes)
    made = []
    whole = patching.get_patch_specs

    def counted(start, stop):
        made.append(stop - start)
        return whole(start, stop)

    monkeypatch.setattr(patching, "get_patch_specs", counted)
    ((rows, specs),) = nearby(patching, test, 1 << 18)
    assert rows[0] >= patching.n_patches // 2
    assert len(rows) == 17 * 32 == sum(made)
    assert test.keeps(specs).sum() == 16 * 31
