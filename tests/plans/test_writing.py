"""Nothing half-written ever stands under the asked name, and what stood there before still does."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from patchplan import api
from patchplan.errors import ConfigError, OutputError, PatchplanError, PlanError
from patchplan.plans.plan import open_plan
from tests.plans.making import SUFFIXES, beside, files_of, make_image, make_plan

MANY = {"name": "tiled", "patch_size": 4, "overlaps": 2}
CODE = """
import sys
from patchplan import api
api.plan("a.npy", sys.argv[1], config={"name": "tiled", "patch_size": 16, "overlaps": 8})
"""


class Stop(Exception):  # noqa: N818
    """Raised in the middle of writing."""


def stop(what: str, done: int, total: int) -> None:
    if what == "rows" and 0 < done < total:
        raise Stop(f"after {done} of {total}")


@contextmanager
def room_for(n_bytes: int) -> Iterator[None]:
    """No file may grow beyond this: what a full disk does, without one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(params=[False, True], ids=["new", "replacing"])
def target(request, tmp_path):
    """Make a name to plan to, free or taken by an earlier plan, and options that allow to write there."""

    def make(suffix: str, shape: tuple[int, ...] = (1500, 1500)) -> tuple[Path, dict[str, bool]]:
        make_image(tmp_path / "a.npy", shape)
        path = tmp_path / f"plan{suffix}"
        if request.param:
            make_plan(tmp_path, suffix, {"name": "whole"})
        return path, {"overwrite": request.param}

    return make


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_what_was_there(target, suffix):
    path, options = target(suffix)
    before = files_of(path.parent)
    with room_for(4_000), pytest.raises(OutputError, match=rf"plan{suffix}: cannot be written: .*[Ff]ile too large"):
        api.plan(path.parent / "a.npy", path, config=MANY, **options)
    assert files_of(path.parent) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_error_or_interrupt_in_the_middle_leaves_what_was_there(target, suffix):
    path, options = target(suffix)
    before = files_of(path.parent)
    with pytest.raises(Stop, match=r"after 262144 of \d+"):
        api.plan(path.parent / "a.npy", path, config=MANY, progress=stop, **options)
    assert files_of(path.parent) == before


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_error_when_publishing_leaves_what_was_there(target, monkeypatch, suffix, failing):
    """A delayed "no space left" comes with fsync; a folder turned read-only shows when moving."""
    path, options = target(suffix, (100, 80))
    before = files_of(path.parent)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", fail) if failing == "fsync" else (Path, "replace", fail)))
    with pytest.raises(OutputError, match=rf"plan{suffix}: cannot be written: No space left on device"):
        api.plan(path.parent / "a.npy", path, config=MANY, **options)
    assert files_of(path.parent) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_read_only_folder(tmp_path, suffix):
    image = make_image(tmp_path / "a.npy")
    (tmp_path / "locked").mkdir(mode=0o555)
    if os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("root writes everywhere")
    with pytest.raises(OutputError, match=r"cannot be written: .*Permission denied"):
        api.plan(image, tmp_path / "locked" / f"p{suffix}", config=MANY)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_plan_is_kept_unless_told_otherwise(tmp_path, suffix):
    path = make_plan(tmp_path, suffix)
    before = files_of(tmp_path)
    with pytest.raises(OutputError, match=rf"plan{suffix}: exists already; use --overwrite"):
        make_plan(tmp_path, suffix, MANY)
    assert files_of(tmp_path) == before
    make_plan(tmp_path, suffix, MANY, overwrite=True)
    assert files_of(tmp_path).keys() == before.keys()
    assert len(open_plan(path)) > 4


def test_a_file_beside_a_csv_is_not_taken_for_its_header_and_replaced(tmp_path):
    image = make_image(tmp_path / "image.npy")
    (tmp_path / "a.csv.json").write_text("mine")
    before = files_of(tmp_path)
    with pytest.raises(OutputError, match=r"a\.csv\.json: exists already; use --overwrite"):
        api.plan(image, tmp_path / "a.csv", config=MANY)
    assert files_of(tmp_path) == before


def test_a_folder_is_no_output_even_to_overwrite(tmp_path):
    (tmp_path / "p.json").mkdir()
    with pytest.raises(OutputError, match=r"p\.json: is a folder; give the name of a file"):
        api.plan(make_image(tmp_path / "a.npy"), tmp_path / "p.json", config=MANY, overwrite=True)


@pytest.mark.parametrize("name", ["no/p.json", "a.npy/p.json"], ids=["missing", "a-file"])
def test_the_folder_of_the_output_must_exist(tmp_path, name):
    make_image(tmp_path / "a.npy")
    with pytest.raises(OutputError, match=r"p\.json: the folder .* does not exist|[Nn]ot a directory"):
        api.plan(tmp_path / "a.npy", tmp_path / name, config=MANY)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


@pytest.mark.parametrize("name", ["p.txt", "p", "p.yaml"])
def test_a_suffix_that_is_no_format(tmp_path, name):
    with pytest.raises(PlanError, match=r"found suffix '[.\w]+'; allowed: \.parquet, \.csv, \.json"):
        api.plan(make_image(tmp_path / "a.npy"), tmp_path / name, config=MANY)


def test_a_partial_file_of_the_user_is_left_alone(tmp_path):
    (tmp_path / "p.json.partial").write_text("mine")
    api.plan(make_image(tmp_path / "a.npy"), tmp_path / "p.json", config=MANY)
    assert (tmp_path / "p.json.partial").read_text() == "mine"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_two_runs_on_one_output_leave_a_whole_plan_of_one_of_them(tmp_path, suffix):
    """The later to finish finds the name taken and says so; with --overwrite it replaces the plan."""
    make_image(tmp_path / "a.npy", (20_000, 20_000))
    code = f"from patchplan import plan; plan('a.npy', 'p{suffix}', patching=dict(name='tiled', patch_size=PATCH)"
    calls = [f"{code})".replace("PATCH", "20"), f"{code}, overwrite=True)".replace("PATCH", "25")]
    runs = [
        subprocess.Popen([sys.executable, "-c", call], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for call in calls
    ]
    said = [run.communicate()[1] for run in runs]
    assert runs[1].returncode == 0, said[1]
    assert runs[0].returncode == 0 or "exists already" in said[0]
    plan = open_plan(tmp_path / f"p{suffix}")
    assert plan.n_rows in (800**2, 1000**2)
    assert sum(len(piece) for piece in plan.batches()) == plan.n_rows
    assert not list(tmp_path.glob("*.partial"))


def test_what_is_read_for_a_plan_is_not_replaced_by_it(tmp_path):
    config, table = tmp_path / "c.json", tmp_path / "t.csv"
    make_image(tmp_path / "a.npy")
    config.write_text('{"name": "whole"}')
    table.write_text("data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x\n0,0,0,0,8,8\n")
    before = files_of(tmp_path)
    for path, options in ((config, {"config": config}), (table, {"patching": {"name": "fixed", "table": str(table)}})):
        with pytest.raises(OutputError, match=r"is read for this plan; give what is written another name"):
            api.plan(tmp_path / "a.npy", path, overwrite=True, **options)
    with pytest.raises(OutputError, match=r"p\.csv\.json: is a name for the header of a CSV plan"):
        api.plan(tmp_path / "a.npy", tmp_path / "p.csv.json", config=MANY)
    assert files_of(tmp_path) == before


def test_an_object_that_is_no_number_of_epochs(tmp_path):
    with pytest.raises(ConfigError, match=r"--epochs: found '3'; allowed: a whole number from 1"):
        api.plan(tmp_path / "a.npy", dry_run=True, config={"name": "random", "patch_size": 8}, epochs="3")  # type: ignore[arg-type]


def test_a_name_that_no_file_can_have(tmp_path):
    with pytest.raises(OutputError, match=r"x\.json: .*name too long"):
        api.plan(make_image(tmp_path / "a.npy"), tmp_path / ("x" * 300 + ".json"), config=MANY)


def test_a_dry_run_writes_nothing_and_needs_no_output(tmp_path):
    make_image(tmp_path / "a.npy")
    for output in (None, tmp_path / "p.json", tmp_path / "no" / "p.csv"):
        result = api.plan(tmp_path / "a.npy", output, config=MANY, dry_run=True)
        assert (result.plan, result.n_patches) == (None, 49 * 39)
    with pytest.raises(OutputError, match=r"no output given: name a plan with -o PLAN"):
        api.plan(tmp_path / "a.npy", config=MANY)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_kill_while_writing_leaves_nothing_under_the_name_and_the_next_run_works(tmp_path, suffix):
    image, plan = make_image(tmp_path / "a.npy", (40_000, 40_000)), tmp_path / f"p{suffix}"
    run = subprocess.Popen([sys.executable, "-c", CODE, plan.name], cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not any(partial.stat().st_size > 1000 for partial in tmp_path.glob(f"p{suffix}.*.partial")):
        assert run.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert not plan.exists()
    assert not beside(plan).exists()
    with pytest.raises(PlanError, match=r"there is no such file"):
        open_plan(plan)
    api.plan(image, plan, config={"name": "whole"})
    assert len(open_plan(plan)) == 1
    assert not list(tmp_path.glob("*.partial"))


def test_bad_input_leaves_an_earlier_plan_alone(tmp_path):
    path = make_plan(tmp_path, ".csv")
    before = files_of(tmp_path)
    for config in ({"name": "tilde"}, {"name": "tiled", "patch_size": [8, 8, 8]}, {"name": "fixed", "table": "no.csv"}):
        with pytest.raises(PatchplanError, match=r"tilde|3-entry|3-D|Z|no\.csv"):
            api.plan(tmp_path / "a.npy", path, config=config, overwrite=True)
    assert files_of(tmp_path) == before
