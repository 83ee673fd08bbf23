"""Runs that were stopped midway, and going on with them within this process, which takes no start."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from patchplan.cli.app import app
from tests.cli.running import TOOL, Run
from tests.faults.cases import CASES, Case, copy, empty
from tests.faults.stopping import When, kill_when, refused
from tests.plans.making import files_of


def run_here(command: list[str], folder: Path) -> Run:
    """Run a command of the tool in this process; what it does not catch is raised."""
    with contextlib.chdir(folder):
        done = CliRunner().invoke(app, command[len(TOOL) :], catch_exceptions=False)
    return Run(done.exit_code, done.stdout, done.stderr)


@dataclass(frozen=True)
class Stopped:
    """A case that was killed midway, in a folder that is never changed."""

    case: Case
    made: Path
    folder: Path
    wanted: dict[str, bytes]

    @property
    def partial(self) -> Path:
        """What the killed run left, below the folder where it ran."""
        return Path(f"{self.case.output}.partial")

    def command(self, *more: str) -> list[str]:
        """Return the command with more options."""
        return self.case.command(self.made, *more)

    def copied(self, folder: Path) -> Path:
        """Copy all to a folder, and return it."""
        copy(self.folder, folder)
        return folder

    def resumed(self, folder: Path, *more: str) -> Run:
        """Go on in a copy."""
        return run_here(self.command("--resume", *more), folder)

    def check(self, folder: Path, done: Run) -> bool:
        """Require the bytes of an undisturbed run, or one line that says why not; then a fresh run gives them."""
        went_on = done.code == 0
        if not went_on:
            refused(done)
            assert self.case.output not in {path.name for path in folder.iterdir()}
            again = run_here(self.command("--overwrite"), folder)
            assert again.code == 0, (done.err, again.err)
        differ = sorted(name for name, data in files_of(folder).items() if self.wanted.get(name) != data)
        assert not differ, differ[:3]
        assert files_of(folder).keys() == self.wanted.keys()
        assert [path.name for path in folder.iterdir()] == [self.case.output]
        return went_on


def stop(name: str, when: When, made: Path, folder: Path, undisturbed: Callable[[str], dict[str, bytes]]) -> Stopped:
    """Kill a case when it has come so far."""
    wanted = undisturbed(name)
    kill_when(when, CASES[name].command(made), folder, lambda: empty(folder))
    return Stopped(CASES[name], made, folder, wanted)
