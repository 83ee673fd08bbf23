"""Kill a run at every step that it takes on the file system; run as a program, because it forks.

Usage: python -m tests.killing FOLDER
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from patchplan.publish import Ours, growing, zarr_files

OURS = zarr_files(r"\d+")
EVENTS = ("open", "os.", "shutil.")


@contextmanager
def published_folder(path: Path, *, overwrite: bool, ours: Ours) -> Iterator[Path]:
    with growing(path, folder=True, overwrite=overwrite, ours=ours) as growth:
        assert isinstance(growth.place, Path)
        growth.place.mkdir()
        yield growth.place


@contextmanager
def published_file(path: Path, *, overwrite: bool, ours: Ours) -> Iterator[Path]:
    with growing(path, folder=False, overwrite=overwrite, ours=ours) as growth:
        assert isinstance(growth.place, Path)
        yield growth.place


def write(path: Path, version: str) -> None:
    with published_folder(path, overwrite=True, ours=OURS) as partial:
        (partial / "0" / "c").mkdir(parents=True)
        for name in ("0/zarr.json", "0/c/0", "zarr.json"):
            (partial / name).write_text(version)


def write_file(path: Path, version: str) -> None:
    with published_file(path, overwrite=True, ours=OURS) as partial:
        partial.write_text(version)


def read(path: Path) -> set[str]:
    if path.is_file():
        return {path.read_text()}
    files = [file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".patchplan")]
    assert not files or len(files) == 3, f"{path} is half there: {files}"
    return {file.read_text() for file in files}


def killed_at(step: int, action, *args) -> bool:
    """Do something in a process that is killed at a step; return whether it came to that."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, _: object) -> None:
            nonlocal left
            if event.startswith(EVENTS):
                left -= 1
                if left == -1:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        action(*args)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def check(folder: Path, action) -> int:
    """Kill writes of `new` over `old` at all steps; return how many there are."""
    path, step = folder / "out.zarr", 0
    action(path, "old")
    while killed_at(step, action, path, "new"):
        found = read(path) if path.exists() else read(path.with_name("out.zarr.old"))
        assert found in ({"old"}, {"new"}), f"killed at step {step}: {found}"
        # what repairs is killed, too, where it starts
        killed_at(step % 40, action, path, "newer")
        action(path, "newest")
        assert read(path) == {"newest"}, step
        assert [file.name for file in folder.iterdir()] == ["out.zarr"], step
        action(path, "old")
        step += 1
    return step


if __name__ == "__main__":
    for name, action in (("folders", write), ("files", write_file)):
        place = Path(sys.argv[1]) / name
        place.mkdir()
        print(name, check(place, action))
