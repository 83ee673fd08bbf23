"""Each coordinate is drawn in exact proportion to the weight of the patch's centre pixel."""

from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import scipy.stats
import zarr
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from patchplan.core.specs import SpecTable
from patchplan.errors import ConfigError
from patchplan.images import open_image
from patchplan.sampling.weights import blocks as blocks_module
from patchplan.sampling.weights import patch_weights, weighted_patching
from patchplan.sampling.weights.blocks import Blocks
from patchplan.sampling.weights.finding import coordinates
from patchplan.sampling.weights.lines import ShareLine
from patchplan.sampling.weights.taking import open_weights, take
from patchplan.sampling.weights.tallies import LabelTally, MapTally, Tickets
from tests.sampling.weighing import Case, cases, config_of

LABELS = cases(st.integers(-1, 3), ["i1", "i2", "i4", "i8"])
MAPS = cases(st.sampled_from([0, 0, 1, 2, 7, 100]), ["u1", "u2", "f2", "f4", "f8", "?"])
BLOCK = st.sampled_from([1, 5, 30, 1 << 20])
PER = st.sampled_from(["epoch", "image"])


def opened(case: Case, config, block_pixels: int, folder: Path):
    """What is drawn from, in blocks of a few pixels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks_module, "BLOCK_PIXELS", block_pixels)
        sources = case.write(folder)
        companions = open_weights(sources, config, base=folder)
        blocks = Blocks(sources, companions, case.patch, 0)
    return blocks, take(blocks, config, workers=1, progress=None)


def places(blocks: Blocks, tally, tickets: Tickets):
    """The image, sample and coordinates of tickets of one block."""
    block = blocks[int(tickets.block[0])]
    samples, coords = coordinates(block, tally.find(blocks.read(block), block, tickets))
    return [(block.sheet.data_idx, *row) for row in np.column_stack([samples, coords]).tolist()]


def parts(line: ShareLine):
    """How probable each entry of each segment is."""
    return [(segment, low + i, p) for segment, low, found in _segments(line) for i, p in enumerate(found)]


def _segments(line: ShareLine):
    for segment, (low, high) in enumerate(zip(line.bounds[:-1].tolist(), line.bounds[1:].tolist(), strict=True)):
        yield segment, low, np.diff(line.ends[low:high], prepend=segment).tolist()


@settings(max_examples=100, deadline=None)
@given(case=LABELS, block_pixels=BLOCK, per=PER)
@example(case=Case([(2, 7, 6)], [np.eye(2, dtype="i4")[np.newaxis] + 1], (3, 9)), block_pixels=1, per="epoch")
def test_every_coordinate_of_a_class_is_one_ticket(case, block_pixels, per):
    chances = {1: 1, 2: 2.5, 3: 4}
    there = [Counter(case.centres(i).ravel().tolist()) for i in range(len(case.sizes))]
    chances = {label: chance for label, chance in chances.items() if any(one[label] for one in there)}
    assume(chances and (per == "epoch" or all(any(one[label] for label in chances) for one in there)))
    with TemporaryDirectory() as folder:
        config = config_of("labels", classes={**chances, 9: 0}, per=per)
        blocks, tally = opened(case, config, block_pixels, Path(folder))
        assert isinstance(tally, LabelTally)
        found: dict[Any, float] = {}
        for pool, group, chance in parts(tally.chances):
            low, high = tally.counts.bounds[group : group + 2].tolist()
            n = int(tally.counts.ends[high] - tally.counts.ends[low])
            for entry in range(low, high):
                count = int(tally.counts.ends[entry + 1] - tally.counts.ends[entry])
                kinds, numbers = np.full(count, tally.kinds[group]), np.arange(count)
                for place in places(blocks, tally, Tickets(np.full(count, tally.blocks[entry]), kinds, numbers)):
                    assert (pool, place) not in found
                    found[pool, place] = chance / n
    expected = expected_of_labels(case, chances, per)
    assert found.keys() == expected.keys()
    assert [found[key] for key in expected] == pytest.approx([float(p) for p in expected.values()])


def expected_of_labels(case: Case, chances, per: str):
    """The chance of each coordinate: that of the class of its centre, shared by all with that class."""
    centres = [case.centres(i) for i in range(len(case.sizes))]
    expected = {}
    for pool in range(len(centres) if per == "image" else 1):
        images = [pool] if per == "image" else range(len(centres))
        counts = {label: sum(int((centres[i] == label).sum()) for i in images) for label in chances}
        total = sum(Fraction(chance) for label, chance in chances.items() if counts[label])
        for i in images:
            for at, label in np.ndenumerate(centres[i]):
                if int(label) in chances:
                    expected[pool, (i, *at)] = Fraction(chances[int(label)]) / total / counts[int(label)]
    return expected


@settings(max_examples=100, deadline=None)
@given(case=MAPS, block_pixels=BLOCK, per=PER)
@example(case=Case([(2, 7, 6)], [np.eye(2, dtype="f4")[np.newaxis]], (3, 9)), block_pixels=1, per="epoch")
def test_every_coordinate_has_its_share_of_a_map(case, block_pixels, per):
    centres = [case.centres(i).astype(float) for i in range(len(case.sizes))]
    sums = [one.sum() for one in centres]
    assume(all(sums) if per == "image" else any(sums))
    n_shares = 500
    shares = (np.arange(n_shares) + 0.5) / n_shares
    with TemporaryDirectory() as folder:
        blocks, tally = opened(case, config_of("map", per=per), block_pixels, Path(folder))
        assert isinstance(tally, MapTally)
        inside: dict[Any, tuple[float, float]] = {}
        for _, entry, p in parts(tally.sums):
            number = np.full(n_shares, tally.blocks[entry])
            for place, n in Counter(places(blocks, tally, Tickets(number, 0 * number, shares))).items():
                inside[place] = (n / n_shares * p, p / n_shares)
    for image, one in enumerate(centres):
        total = sums[image] if per == "image" else sum(sums)
        for at, weight in np.ndenumerate(one):
            found, step = inside.get((image, *at), (0, 1 / n_shares))
            # what a coordinate has of a block is an interval of shares, and nothing where its weight is 0
            assert found == pytest.approx(weight / total, abs=1.001 * step)
            assert weight or not found


SOME = np.random.default_rng(5)
VISITED = {
    "labels": ("labels", Case([(1, 30, 26)], [SOME.integers(0, 4, (1, 30, 26))], (7, 6))),
    "labels of two images": (
        "labels",
        Case([(2, 20, 20), (1, 9, 31)], [SOME.integers(0, 4, (2, 20, 20)), SOME.integers(1, 3, (1, 9, 31))], (5, 8)),
    ),
    "labels at a lower resolution": ("labels", Case([(2, 33, 30)], [SOME.integers(0, 4, (1, 8, 7))], (4, 4))),
    "labels in 3-D": ("labels", Case([(1, 9, 10, 11)], [SOME.integers(0, 4, (1, 9, 5, 5))], (4, 3, 5))),
    "map": ("map", Case([(1, 30, 26)], [SOME.random((1, 30, 26)) ** 4], (7, 6))),
    "map of two images": (
        "map",
        Case([(2, 20, 20), (1, 9, 31)], [SOME.random((2, 20, 20)), 1e3 * SOME.random((1, 9, 31))], (5, 8)),
    ),
    "map at a lower resolution": ("map", Case([(2, 33, 30)], [SOME.random((1, 8, 7), dtype="f4")], (4, 4))),
    "map in 3-D": ("map", Case([(1, 9, 10, 11)], [SOME.integers(0, 255, (1, 9, 5, 5), "u1")], (4, 3, 5))),
}


@pytest.mark.parametrize("per", ["epoch", "image"])
@pytest.mark.parametrize(("name", "case"), VISITED.values(), ids=VISITED)
def test_visits_follow_the_weights(tmp_path, monkeypatch, name, case, per):
    monkeypatch.setattr(blocks_module, "BLOCK_PIXELS", 64)
    config = config_of(name, patches=40_000, per=per)
    specs = weighted_patching(case.write(tmp_path), config, case.patch, 1, base=tmp_path).get_patch_specs()
    centres = [case.centres(i) for i in range(len(case.sizes))]
    pools = [[i] for i in range(len(centres))] if per == "image" else [range(len(centres))]
    for pool in pools:
        if name == "labels":
            labels, counts = np.unique(np.concatenate([centres[i].ravel() for i in pool]), return_counts=True)
            rarity = dict(zip(labels.tolist(), (1 / counts).tolist(), strict=True)) | {0: 0}
            weights = [np.vectorize(rarity.__getitem__)(centres[i]) for i in pool]
        else:
            weights = [centres[i].astype(float) for i in pool]
        visits = np.concatenate([counted(specs, i, centres[i].shape).ravel() for i in pool])
        expected = np.concatenate([one.ravel() for one in weights])
        expected *= visits.sum() / expected.sum()
        assert visits.sum() == 40_000
        assert not visits[expected == 0].any()
        # the test needs some visits of each: the least probable go together
        often, rare = expected >= 5, (expected > 0) & (expected < 5)
        some = [*expected[often], *([expected[rare].sum()] if rare.any() else [])]
        seen = [*visits[often], *([visits[rare].sum()] if rare.any() else [])]
        assert scipy.stats.chisquare(seen, some).pvalue > 1e-3


def counted(specs: SpecTable, data_idx: int, shape: tuple[int, ...]):
    """How often each coordinate of an image was drawn."""
    rows = specs.data_idx == data_idx
    at = np.ravel_multi_index(np.column_stack([specs.sample_idx[rows], specs.coords[rows]]).T, shape)
    return np.bincount(at, minlength=int(np.prod(shape))).reshape(shape)


def same(a: SpecTable, b: SpecTable) -> bool:
    """Whether all columns are equal."""
    return all(np.array_equal(column, b.columns()[name]) for name, column in a.columns().items())


@settings(max_examples=40, deadline=None)
@given(
    case=st.one_of(MAPS.map(lambda case: ("map", case)), LABELS.map(lambda case: ("labels", case))),
    per=PER,
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_one_stream_however_it_is_asked_for(case, per, cuts):
    name, case = case
    with TemporaryDirectory() as folder:
        try:
            config = config_of(name, patches=20, per=per)
            drawn = weighted_patching(case.write(Path(folder)), config, case.patch, 3, base=Path(folder))
        except ConfigError:
            assume(False)
        n = drawn.n_patches
        assert n == 20 * (len(case.sizes) if per == "image" else 1)
        passes = [drawn.get_patch_specs(), drawn.get_patch_specs()]
        again, in_parts = drawn.reseeded(3), drawn.reseeded(3)
        edges = sorted({0, n, *(cut for cut in cuts if cut < n)})
        for one in passes:
            assert [again.get_patch_spec(i) for i in range(n)] == list(one)
            pieces = [in_parts.get_patch_specs(a, b) for a, b in pairwise(edges)]
            assert [spec for piece in pieces for spec in piece] == list(one)
        if per == "image":
            for data_idx in range(len(case.sizes)):
                assert set(passes[0].data_idx[drawn.get_patch_indices(data_idx)]) == {data_idx}


def test_the_same_rows_by_one_or_four_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks_module, "BLOCK_PIXELS", 32)
    for name, case in VISITED.values():
        for per in ("epoch", "image"):
            config = config_of(name, patches=300, per=per)
            sources = case.write(tmp_path)
            one, four = (weighted_patching(sources, config, case.patch, 7, base=tmp_path, workers=n) for n in (1, 4))
            assert same(one.get_patch_specs(), four.get_patch_specs())


def test_as_many_as_would_tile_the_images_unless_said(tmp_path):
    case = Case([(2, 20, 20), (1, 9, 31)], [np.ones((2, 20, 20)), np.ones((1, 9, 31))], (5, 8))
    sources = case.write(tmp_path)
    for per in ("epoch", "image"):
        drawn = weighted_patching(sources, config_of("map", per=per), case.patch, 0, base=tmp_path)
        assert drawn.n_patches == 2 * 4 * 3 + 2 * 4
    assert drawn.get_patch_indices(1) == range(24, 32)
    assert len(drawn.get_patch_specs(3, 3)) == 0


def test_blocks_are_whole_chunks_and_read_once_for_all_samples(tmp_path):
    labels = SOME.integers(0, 3, (300, 500)).astype(np.uint8)
    zarr.create_array(tmp_path / "labels.zarr", data=labels, chunks=(64, 100))
    np.save(tmp_path / "image.npy", np.zeros((5, 300, 500), np.uint8))
    source = open_image(tmp_path / "image.npy", axes="TYX", ndim=2)
    config = config_of("labels", labels="labels.zarr", patches=100)
    done: list[tuple[int, int]] = []
    drawn = weighted_patching([source], config, 32, 0, base=tmp_path, progress=lambda *one: done.append(one))
    assert done == [(1, 1)]
    specs = drawn.get_patch_specs()
    assert set(specs.sample_idx.tolist()) == set(range(5))
    assert labels[tuple((specs.coords + 16).T)].min() > 0


def test_chunks_that_are_too_large_are_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(blocks_module, "MOST_PIXELS", 4000)
    labels = SOME.integers(0, 3, (300, 500)).astype(np.uint8)
    zarr.create_array(tmp_path / "i0_c.zarr", data=labels, chunks=(300, 500))
    np.save(tmp_path / "i0.npy", np.zeros((300, 500), np.uint8))
    source, config = open_image(tmp_path / "i0.npy"), config_of("labels", labels="i0_c.zarr", patches=500)
    blocks = Blocks([source], open_weights([source], config, base=tmp_path), (32, 32), 0)
    assert max(np.prod(blocks[i].shape) for i in range(len(blocks))) <= 4000
    specs = weighted_patching([source], config, 32, 0, base=tmp_path).get_patch_specs()
    assert labels[tuple((specs.coords + 16).T)].min() > 0


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("u8", [2**64 - 1, 2**63 + 5, 7]),
        ("u8", [2**63 + 70, 2**63 + 5, 2**63 + 1]),
        ("i8", [-(2**63), 2**63 - 1, 0]),
        ("i8", [-(2**63), -(2**63) + 1, -(2**63) + 90]),
        ("i1", [-128, 127, -1]),
        ("u2", [65535, 1, 300]),
    ],
)
def test_labels_at_the_ends_of_their_type(tmp_path, dtype, values):
    labels = SOME.permutation(np.array(values, dtype).repeat(300)).reshape(1, 30, 30)
    sources = Case([(1, 30, 30)], [labels], (1, 1)).write(tmp_path)
    config = config_of("labels", classes=dict(zip(values, (1, 2, 3), strict=True)), patches=6000)
    specs = weighted_patching(sources, config, 1, 0, base=tmp_path).get_patch_specs()
    found = Counter(labels[0][tuple(specs.coords.T)].tolist())
    assert scipy.stats.chisquare([found[value] for value in values], [1000, 2000, 3000]).pvalue > 1e-3
    weights = patch_weights(sources, specs, config.model_copy(update={"patches": None}), base=tmp_path)
    expected = dict(zip(values, (1 / 2, 1, 3 / 2), strict=True))
    assert weights.tolist() == [expected[label] for label in labels[0][tuple(specs.coords.T)].tolist()]


def test_the_channel_that_was_asked_for(tmp_path):
    np.save(tmp_path / "i0.npy", np.zeros((2, 30, 20), np.uint8))
    np.save(tmp_path / "i0_c.npy", np.stack([np.zeros((30, 20), np.uint8), np.eye(30, 20, dtype=np.uint8)]))
    source = open_image(tmp_path / "i0.npy", axes="CYX")
    specs = weighted_patching(
        [source], config_of("labels", channel=1, patches=50), (4, 4), 0, base=tmp_path
    ).get_patch_specs()
    assert np.array_equal(specs.coords[:, 0], specs.coords[:, 1])
