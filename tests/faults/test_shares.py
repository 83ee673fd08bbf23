"""An output written by several processes, each its share, at once or one after the other: the bytes of a single run."""

import random
import signal
from pathlib import Path

import pytest

from tests.cli.running import TOOL, Run
from tests.faults.cases import CASES
from tests.faults.going_on import run_here
from tests.faults.stopping import When, ended, exists, finish, kill_after, run, signal_when, size_of, start
from tests.plans.making import files_of

SHARED = ("zarr", "shards", "tiff", "several", "several-tiff")


def share(name: str, made: Path, k: int, n: int, *more: str) -> list[str]:
    """Return the command of one share."""
    return CASES[name].command(made, "--share", f"{k}/{n}", *more)


def finishing(name: str, made: Path, *more: str) -> list[str]:
    """Return the command that puts shares together."""
    case = CASES[name]
    plan = case.command(made)[len(TOOL) + 1]
    return [*TOOL, "stitch", plan, "--finish", case.output, *more, "--quiet"]


def journalled(k: int, least: int) -> When:
    """Return a predicate: so many entries stand in the journal of a share."""
    return lambda folder: size_of(folder / "out.zarr.partial" / f"journal-{k}") >= (least + 1) * 64


def same(name: str, folder: Path, undisturbed) -> None:
    """Require the bytes of a single run and nothing else."""
    assert [path.name for path in folder.iterdir()] == [CASES[name].output]
    assert files_of(folder) == undisturbed(name)


@pytest.mark.parametrize("n", [1, 3, 8])
@pytest.mark.parametrize("name", ["zarr", "shards"])
def test_shares_at_once(made, place, undisturbed, name, n):
    running = [start(share(name, made, k, n), place) for k in random.Random(n).sample(range(1, n + 1), n)]
    for process in running:
        done = ended(process)
        assert done.code == 0, done.err
    assert not (place / CASES[name].output).exists()
    finish(finishing(name, made), place)
    same(name, place, undisturbed)


@pytest.mark.parametrize("name", SHARED)
def test_shares_in_any_order(made, place, undisturbed, name):
    for k in (3, 1, 4, 2):
        assert here(share(name, made, k, 4), place).code == 0
    assert here(finishing(name, made), place).code == 0
    same(name, place, undisturbed)


def here(command: list[str], folder: Path) -> Run:
    """Run a command in this process."""
    return run_here(command, folder)


def test_shares_write_no_file_twice_and_are_about_equal(made, place):
    """Each adds files of its own, and touches no other's."""
    seen: dict[Path, tuple[int, int]] = {}
    sizes = []
    for k in (2, 3, 1):
        assert here(share("zarr", made, k, 3), place).code == 0
        files = {path: path.stat() for path in place.glob("out.zarr.partial/*-out.zarr/0/c/**/*") if path.is_file()}
        now = {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in files.items()}
        assert {path: now[path] for path in seen} == seen
        sizes.append(sum(files[path].st_size for path in now.keys() - seen.keys()))
        seen = now
    assert max(sizes) < 1.25 * min(sizes), sizes


def test_shares_that_are_killed_and_go_on(made, place, undisturbed):
    """Three at once, two killed as soon as they have written something; one of these goes on beside the third."""
    name = "zarr"
    finish(share(name, made, 1, 3), place)
    for k in (2, 3):
        signal_when(journalled(k, 2), signal.SIGKILL, share(name, made, k, 3), place)
    both = [start(share(name, made, k, 3, "--resume"), place) for k in (3, 2)]
    assert [ended(process).code for process in both] == [0, 0]
    finish(finishing(name, made), place)
    same(name, place, undisturbed)


@pytest.mark.parametrize("seed", range(2))
def test_shares_that_are_killed_at_random(made, place, undisturbed, seed):
    rng = random.Random(seed)
    for k in rng.sample(range(1, 4), 3):
        more: tuple[str, ...] = ()
        while rng.random() < 0.5:
            killed = kill_after(rng.uniform(0.4, 1.2), share("zarr", made, k, 3, *more), place)
            more = ("--resume",)  # also where it had ended before
            if not killed:
                break
        finish(share("zarr", made, k, 3, *more), place)
    finish(finishing("zarr", made), place)
    same("zarr", place, undisturbed)


def test_finishing_early_names_the_shares_that_lack(made, place, undisturbed):
    for k in (1, 3):
        finish(share("zarr", made, k, 4), place)
    early = run(finishing("zarr", made), place)
    assert early.code == 1
    assert "2" in early.err
    assert "4" in early.err
    assert not (place / "out.zarr").exists()
    for k in (2, 4):
        finish(share("zarr", made, k, 4), place)
    finish(finishing("zarr", made), place)
    same("zarr", place, undisturbed)


def test_finishing_what_nobody_began(made, place):
    done = run(finishing("zarr", made), place)
    assert done.code in (1, 2), done
    assert "out.zarr" in done.err
    assert len(done.err.splitlines()) == 1
    assert list(place.iterdir()) == []


def test_finishing_a_share_that_was_killed_names_it(made, place):
    finish(share("zarr", made, 1, 2), place)
    assert signal_when(journalled(2, 1), signal.SIGKILL, share("zarr", made, 2, 2), place)
    done = run(finishing("zarr", made), place)
    assert done.code == 1
    assert "2" in done.err


def test_another_number_of_shares_is_refused(made, place):
    finish(share("zarr", made, 1, 3), place)
    for command in (share("zarr", made, 2, 4), share("zarr", made, 1, 1, "--resume"), CASES["zarr"].command(made)):
        done = run(command, place)
        assert done.code == 2, done
        assert len(done.err.splitlines()) == 1
    assert "3" in run(share("zarr", made, 2, 4), place).err


@pytest.mark.parametrize("word", ["0/3", "4/3", "3", "1/0", "-1/3", "a/b", "1/3/5", "1.5/3", ""])
def test_shares_that_make_no_sense_are_refused(made, place, word):
    done = here(CASES["zarr"].command(made, f"--share={word}"), place)
    assert done.code == 2
    assert "--share" in done.err
    assert list(place.iterdir()) == []


def test_an_array_cannot_be_shared(made, place):
    done = here(share("npy", made, 1, 2), place)
    assert done.code == 2
    assert ".npy" in done.err
    assert list(place.iterdir()) == []


def test_another_option_in_another_share_is_refused(made, place):
    finish(share("zarr", made, 1, 2), place)
    done = run(share("zarr", made, 2, 2, "--blend", "hann"), place)
    assert done.code == 2
    assert "--blend" in done.err


def test_one_share_runs_once_at_a_time(made, place, undisturbed):
    """Two of the same share at once: one writes, the other is refused, or comes when all is done."""
    both = [start(share("zarr", made, 1, 2), place) for _ in range(2)]
    ends = [ended(process) for process in both]
    assert sorted(done.code for done in ends) == [0, 2], ends
    finish(share("zarr", made, 2, 2), place)
    finish(finishing("zarr", made), place)
    same("zarr", place, undisturbed)


@pytest.mark.parametrize("name", ["shards", "tiff"])
def test_finishing_is_killed_and_repeated(made, place, undisturbed, name):
    for k in (1, 2):
        finish(share(name, made, k, 2), place)
    output = CASES[name].output
    grown = "1/c/*" if name == "shards" else ""
    when = exists(f"{output}.partial/*-{output}/{grown}".rstrip("/"))
    signal_when(when, signal.SIGKILL, finishing(name, made), place)
    if not (place / output).exists():
        finish(finishing(name, made), place)
    same(name, place, undisturbed)
