"""Rows of one epoch, the digest that tiles record, and parts of plans."""

from pathlib import Path

import numpy as np
import pytest

from patchplan import api
from patchplan.errors import OutputError, PatchplanError, PlanError
from patchplan.plans.plan import open_plan
from patchplan.plans.subset import write_subset
from tests.plans.making import SUFFIXES, TILED, edit, make_image, make_plan, rows_of

RANDOM = {"name": "random", "patch_size": 16, "seed": 3}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("config", [TILED, RANDOM], ids=["tiled", "random"])
def test_the_rows_of_all_epochs_are_the_rows_of_the_plan(tmp_path, suffix, config):
    epochs = 3 if config is RANDOM else None
    plan = open_plan(make_plan(tmp_path, suffix, config, epochs=epochs))
    found = []
    for epoch in range(epochs or 1):
        rows = plan.epoch(epoch)
        assert rows.n == plan.n_patches
        assert rows.index == range(rows.n)
        pieces = list(rows.pieces(7))
        assert [start for start, _, _ in pieces] == list(range(0, rows.n, 7))
        assert [row for _, _, specs in pieces for row in specs] == rows_of(rows.specs())
        assert rows_of(rows.specs(2, 4)) == rows_of(rows.specs())[2:4]
        found += rows_of(rows.specs())
    assert found == rows_of(plan.specs())


def test_a_column_epoch_made_by_hand_chooses_its_rows(tmp_path):
    table = tmp_path / "table.csv"
    rows = [(5, 0, 1), (9, 8, 0), (7, 4, 1)]
    lines = [f"{index},0,0,{y},0,8,8,{epoch}" for index, y, epoch in rows]
    names = "index,data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,epoch"
    table.write_text("\n".join([names, *lines]))
    make_plan(tmp_path, ".csv")
    api.plan(tmp_path / "a.npy", tmp_path / "fixed.parquet", patching={"name": "fixed", "table": str(table)})
    plan = open_plan(tmp_path / "fixed.parquet")
    rows_ = plan.epoch(1)
    assert np.asarray(rows_.index).tolist() == [5, 7]
    assert rows_.specs().coords[:, 0].tolist() == [0, 4]
    assert rows_.specs(1, 2).coords[:, 0].tolist() == [4]
    with pytest.raises(PlanError, match=r"--epoch: found 2; .* has rows of epochs 0 to 1"):
        plan.epoch(2)


@pytest.mark.parametrize("epoch", [1, -1, True, "0"])
def test_an_epoch_that_is_not_there_is_refused(tmp_path, epoch):
    plan = open_plan(make_plan(tmp_path, ".csv"))
    with pytest.raises(PatchplanError, match=r"--epoch: found .*(allowed: 0|a whole number from 0)"):
        plan.epoch(epoch)


def test_an_index_that_occurs_twice_is_refused_where_tiles_are_to_be_found_by_it(tmp_path):
    path = make_plan(tmp_path, ".json")
    edit(path, rows=lambda rows: rows[3].update(index=0))
    with pytest.raises(PlanError, match=r"index 0 occurs more than once in epoch 0"):
        _ = open_plan(path).epoch().index


def test_the_digest_is_the_same_for_the_same_patches_in_any_format(tmp_path):
    digests = {open_plan(make_plan(tmp_path, suffix)).digest for suffix in SUFFIXES}
    digests.add(open_plan(make_plan(tmp_path, ".parquet", rows=False, overwrite=True)).digest)
    assert len(digests) == 1
    other = open_plan(make_plan(tmp_path, ".parquet", {**TILED, "overlaps": 18}, overwrite=True))
    assert other.digest not in digests


def test_the_digest_of_given_rows_is_that_of_the_rows(tmp_path):
    plan = make_plan(tmp_path, ".csv")
    digests = []
    for number, suffix in enumerate((".csv", ".parquet")):
        path = tmp_path / f"fixed{number}{suffix}"
        api.plan(tmp_path / "a.npy", path, patching={"name": "fixed", "table": str(plan)})
        digests.append(open_plan(path).digest)
    assert digests[0] == digests[1] != open_plan(plan).digest
    edit(path, rows=lambda rows: rows[1]["coords"].__setitem__(0, 1))
    assert open_plan(path).digest != digests[0]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_part_of_a_plan_has_its_rows_under_their_indices_and_the_digest_of_the_whole(tmp_path, suffix):
    whole = open_plan(make_plan(tmp_path, ".parquet"))
    chosen = np.array([0, 1, 3])
    write_subset(whole.epoch(), chosen, tmp_path / f"part{suffix}")
    part = open_plan(tmp_path / f"part{suffix}")
    assert part.digest == whole.digest
    assert np.asarray(part.epoch().index).tolist() == [0, 1, 3]
    assert rows_of(part.specs()) == [rows_of(whole.specs())[i] for i in chosen]
    assert part.images[0].n_patches == 3
    assert Path(str(part.image_path(0))).resolve() == Path(str(whole.image_path(0))).resolve()
    with pytest.raises(OutputError, match="exists already"):
        write_subset(whole.epoch(), chosen, tmp_path / f"part{suffix}")


def test_a_part_of_an_epoch_stays_in_its_epoch(tmp_path):
    whole = open_plan(make_plan(tmp_path, ".parquet", RANDOM, epochs=2))
    write_subset(whole.epoch(1), np.array([0, 2]), tmp_path / "part.parquet")
    part = open_plan(tmp_path / "part.parquet").epoch(1)
    assert np.asarray(part.index).tolist() == [0, 2]
    assert rows_of(part.specs()) == [rows_of(whole.epoch(1).specs())[i] for i in (0, 2)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pieces_are_of_the_size_asked_for_whatever_the_file_is_read_in(tmp_path, suffix, monkeypatch):
    """Whoever writes shards relies on it."""
    monkeypatch.setattr("patchplan.plans.tables.csv.READ_BLOCK", 4096)
    monkeypatch.setattr("patchplan.plans.epoch.HELD_ROWS", 0)
    make_image(tmp_path / "a.npy", (300, 300))
    rows = open_plan(make_plan(tmp_path, suffix, {"name": "tiled", "patch_size": 8, "overlaps": 2})).epoch()
    for start, stop in ((0, rows.n), (70, rows.n - 3)):
        pieces = list(rows.pieces(64, start, stop))
        assert [first for first, _, _ in pieces] == list(range(start, stop, 64))
        assert {len(index) for _, index, _ in pieces[:-1]} == {64}
        assert [row for _, _, specs in pieces for row in specs] == rows_of(rows.specs(start, stop))
