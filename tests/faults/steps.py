"""Kill a command, and what goes on with it, before each step that it takes on the file system; a program: it forks.

Usage: python -m tests.faults.steps [--what tiny] [--over] [--last N] [--made FOLDER]

What compiled libraries do is not among the steps.
"""

import argparse
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.cli.running import TOOL
from tests.faults.cases import CASES, fast_disk, make_inputs
from tests.faults.killing import Killing

CHANGES = frozenset(("os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "shutil.rmtree"))
EVERY = 50
"""Of the files of a folder that is removed, one in so many is a step."""
NEVER = -1


class Steps:
    """Counts the steps of this process, and kills it before one of them."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.seen, self._removed = wanted, 0, 0
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._counts(event, args):
            return
        if self.seen == self.wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        self.seen += 1

    def _counts(self, event: str, args: tuple[Any, ...]) -> bool:
        if event == "open":
            return args[0] != os.devnull and bool((args[2] or 0) & (os.O_WRONLY | os.O_RDWR))
        if event == "os.remove":
            inside = args[1] != -1
            self._removed += inside
            return not inside or self._removed % EVERY == 1
        return event in CHANGES


def killed(command: list[str], folder: Path, step: int) -> bool:
    """Run a command in a child that is killed before a step; return whether it came to that, else it must end well."""
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        os._exit(_code(command, Steps(step)))
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, f"step {step}: {os.WTERMSIG(status)}"
        return True
    assert os.WEXITSTATUS(status) == 0, f"step {step}: exit code {os.WEXITSTATUS(status)}"
    return False


def _code(command: list[str], steps: Steps) -> int:
    from patchplan.cli import app

    sys.argv = ["patchplan", *command[len(TOOL) :]]
    try:
        app.main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        Path(os.environ["STEPS_SEEN"]).write_text(str(steps.seen))
    return 0


def count(command: list[str], folder: Path) -> int:
    """Return how many steps a command takes."""
    with tempfile.NamedTemporaryFile(dir=fast_disk()) as file:
        os.environ["STEPS_SEEN"] = file.name
        finish(command, folder)
        found = int(Path(file.name).read_text())
    os.environ["STEPS_SEEN"] = os.devnull
    return found


def finish(command: list[str], folder: Path) -> None:
    """Run a command in a child to its end."""
    killed(command, folder, NEVER)


def check(killing: Killing, last: int | None) -> int:
    """Kill at all steps, or the last ones; return at how many."""
    sys.dont_write_bytecode = True
    os.environ["STEPS_SEEN"] = os.devnull
    killing.undisturbed()
    steps = count(killing.command(), killing.folder)
    first = max(0, steps - last) if last is not None else 0
    wrong = []
    for step in range(first, steps):
        try:
            check_step(killing, step, steps)
        except AssertionError as error:
            wrong.append(f"{step}: {error}")
    assert not wrong, f"killed before {len(wrong)} of {steps} steps it went wrong:\n" + "\n".join(wrong)
    return steps - first


def check_step(killing: Killing, step: int, steps: int) -> None:
    """Kill at a step, then what goes on at another."""
    killing.ready()
    killed(killing.command(), killing.folder, step)
    killing.look()
    if killed(killing.command("--resume"), killing.folder, step * 7 % steps):
        killing.look()
        finish(killing.command("--resume"), killing.folder)
    killing.check()


def main() -> None:
    """Kill one case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", choices=sorted(CASES), default="tiny")
    parser.add_argument("--over", action="store_true")
    parser.add_argument("--last", type=int)
    parser.add_argument("--made", type=Path)
    asked = parser.parse_args()
    # so that no child has to load them; tensorstore it must, as a forked process does without one that is loaded
    import tifffile  # noqa: F401
    import zarr  # noqa: F401

    import patchplan  # noqa: F401

    with tempfile.TemporaryDirectory(dir=fast_disk()) as name:
        here, made = Path(name) / "here", asked.made
        here.mkdir()
        if made is None:
            made = Path(name) / "made"
            made.mkdir()
            make_inputs(made)
        print(check(Killing(CASES[asked.what], made, here, over=asked.over, finish=finish), asked.last), "kills")


if __name__ == "__main__":
    main()
