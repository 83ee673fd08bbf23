"""The disk is full, a file may not grow, a folder is read-only: one line; with room again the run goes on."""

import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Run, environment
from tests.faults.cases import CASES
from tests.faults.stopping import blocks, finish, kill_when, refused, run
from tests.plans.making import files_of

WRITTEN = ("zarr", "shards", "tiff", "npy", "several", "stack", "array", "folder")


def mount(folder: Path, options: str, *kind: str) -> bool:
    """Mount a disk in memory, or mount it anew with other options; return whether we may."""
    command = ["mount", *(kind or ("-t", "tmpfs")), "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(place) -> Iterator[Path]:
    """A folder that is a disk of its own."""
    folder = place / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or not mount(folder, "size=100m"):
        pytest.skip("this user may not mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", WRITTEN)
def test_on_a_full_disk_a_run_fails_and_goes_on_when_there_is_room(made, disk, undisturbed, name):
    case, wanted = CASES[name], undisturbed(name)
    needed = sum(-(-len(data) // 4096) * 4 for data in wanted.values())
    assert mount(disk, f"remount,size={needed // 2}k")
    refused(run(case.command(made), disk), f"error: {case.output}", "No space left on device")
    assert case.output not in {path.name for path in disk.iterdir()}
    refused(run(case.command(made, "--resume"), disk), f"error: {case.output}", "No space left on device")
    assert mount(disk, f"remount,size={4 * needed + 4000}k")
    finish(case.command(made, "--resume"), disk)
    assert [path.name for path in disk.iterdir()] == [case.output]
    assert files_of(disk) == wanted


def limited(command: list[str], folder: Path, size: int) -> Run:
    """Run a command whose files may not grow beyond a size."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=120, check=False,
        preexec_fn=limit,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(("name", "size"), [("tiff", 1_000_000), ("zarr", 400), ("npy", 500_000), ("stack", 100_000)])
def test_files_that_may_not_grow(made, place, undisturbed, name, size):
    """The limit hits the journal, too, where chunks are small."""
    case = CASES[name]
    refused(limited(case.command(made), place, size), f"error: {case.output}")
    assert case.output not in {path.name for path in place.iterdir()}
    finish(case.command(made, "--resume"), place)
    assert files_of(place) == undisturbed(name)


def test_a_disk_that_is_read_only(made, disk, undisturbed):
    case = CASES["zarr"]
    assert mount(disk, "remount,ro")
    for more in ((), ("--resume",)):
        refused(run(case.command(made, *more), disk), f"error: {case.output}", "Read-only file system")
    assert mount(disk, "remount,rw")
    finish(case.command(made, "--resume"), disk)
    assert files_of(disk) == undisturbed("zarr")


def test_a_disk_that_becomes_read_only_between_run_and_resume(made, disk, undisturbed):
    case = CASES["zarr"]
    kill_when(blocks(case.output), case.command(made), disk, lambda: shutil.rmtree(disk / case.output))
    assert mount(disk, "remount,ro")
    left = files_of(disk)
    refused(run(case.command(made, "--resume"), disk), f"error: {case.output}", "Read-only file system")
    assert files_of(disk) == left
    assert mount(disk, "remount,rw")
    finish(case.command(made, "--resume"), disk)
    assert files_of(disk) == undisturbed("zarr")
