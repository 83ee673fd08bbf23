"""Kill the real command at random instants, go on with --resume, and compare with a run that nobody killed.

Usage: python -m tests.faults.killing --kills 100 --what zarr [--seed 0]
"""

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from patchplan.journal.records import Kind
from tests.faults.cases import CASES, Case, copy, empty, fast_disk, make_inputs, standing
from tests.faults.stopping import When, entries, finish, kill_after, kill_when, run
from tests.grown import grown
from tests.plans.making import files_of

BESIDE = {".partial", ".old", ".sha256"}
AGAIN = 0.3
"""How often a run that goes on is killed, too."""

Stats = dict[str, tuple[int, int]]
"""Inode and time of change of files, by their path below an output."""


@dataclass
class Killing:
    """One command, killed as often as one likes; what stands under its name is looked at after each kill.

    Parameters
    ----------
    case : Case
    made : Path
        The inputs.
    folder : Path
        Where it runs; empty.
    over : bool
        Whether there is an earlier output, which must stand there until the new one is whole.
    finish : callable
        Runs a command to its end.
    """

    case: Case
    made: Path
    folder: Path
    over: bool = False
    finish: Callable[[list[str], Path], object] = finish
    wanted: dict[str, bytes] = field(default_factory=dict)
    phases: "Counter[str]" = field(default_factory=Counter)
    kept: int = 0
    _all: dict[str, bytes] = field(default_factory=dict)
    _earlier: dict[str, bytes] | None = None
    _journalled: Stats = field(default_factory=dict)

    def undisturbed(self) -> float:
        """Run undisturbed twice; return the seconds of the second, when the inputs are in memory."""
        for _ in range(2):
            begun = time.monotonic()
            self.finish(self.command("--overwrite"), self.folder)
            seconds = time.monotonic() - begun
        self.wanted = _moved(standing(self.folder, self.case.output))
        self._all = files_of(self.folder)
        if self.over:
            self.finish([*self.case.earlier(self.made), "--overwrite"], self.folder)
            self._earlier = _moved(standing(self.folder, self.case.output))
            assert self._earlier != self.wanted
            copy(self.folder, self._copy)
        self.ready()
        return seconds

    @property
    def _copy(self) -> Path:
        """The folder with the earlier output, kept aside."""
        return self.folder.with_name(f"{self.folder.name}-earlier")

    def command(self, *more: str) -> list[str]:
        """Return the command, which replaces what is there where that is asked."""
        return self.case.command(self.made, *(["--overwrite"] if self.over else []), *more)

    def ready(self) -> None:
        """Make the folder as it was before the first run."""
        self._journalled = {}
        if self.over:
            copy(self._copy, self.folder)
        else:
            empty(self.folder)

    def kill_at_random(self, rng: random.Random, seconds: float) -> None:
        """Kill a run that begins, and now and then those that go on."""
        if not kill_after(rng.uniform(0, 1.1 * seconds), self.command(), self.folder):
            self.phases["too late"] += 1
            return
        self.look()
        while rng.random() < AGAIN:
            if not kill_after(rng.uniform(0, 1.1 * seconds), self.command("--resume"), self.folder):
                break
            self.look()

    def kill_when(self, when: When) -> None:
        """Kill a run that has come so far."""
        kill_when(when, self.command(), self.folder, self.ready)
        self.look()

    def look(self) -> None:
        """Require what must hold after a kill, and note what the journal says is written."""
        output = self.case.output
        names = {path.name for path in self.folder.iterdir()}
        known = {output, *(f"{output}{end}" for end in BESIDE)}
        assert all(name in known or name.startswith(f".{output}.removed") for name in names), names
        found = standing(self.folder, output)
        if found is None and self.over:
            found = standing(self.folder, f"{output}.old")
            assert found is not None, f"neither {output} nor {output}.old is there: {names}"
        assert found in (self._earlier, self.wanted), f"{output} is neither the whole old nor the whole new one"
        self.phases[self.phase(done=found == self.wanted)] += 1
        self._journalled |= journalled(self.folder / f"{output}.partial")
        if self.over and not (self.folder / f"{output}.partial").exists():
            self._journalled = {}  # it had ended, and is to be replaced

    def phase(self, *, done: bool) -> str:
        """Tell from what lies there how far a killed run had come."""
        partial = self.folder / f"{self.case.output}.partial"
        if not partial.exists():
            return "6 ended" if done else "0 before"
        if done:
            return "5 published"
        if not (partial / "journal").exists():
            return "1 opening"
        kinds = entries(partial / "journal")["kind"].tolist()
        if Kind.COMPLETE in kinds:
            return "4 complete"
        levels = grown(partial) / "1" / "c"
        return "3 finishing" if Kind.IMAGE in kinds or levels.exists() else "2 blocks"

    def resume(self) -> None:
        """Go on to the end; require the bytes of an undisturbed run, and that nothing was written twice."""
        done = run(self.command("--resume"), self.folder)
        assert done.code == 0, done.err
        self.check()

    def check(self) -> None:
        """Require the bytes of an undisturbed run, nothing beside them, and no block written twice."""
        output = self.case.output
        names = {path.name for path in self.folder.iterdir()}
        assert names <= {output, f"{output}.sha256"}, f"found {sorted(names)}"
        found, wanted = files_of(self.folder), self._all
        differ = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        assert not differ, f"{len(differ)} of {len(wanted)} files differ, such as {differ[:3]}"
        after = stats_of(self.folder / output, self._journalled)
        again = sorted(name for name in after if after[name] != self._journalled[name])
        assert not again, f"{len(again)} of {len(after)} files were written again, such as {again[:3]}"
        self.kept += len(after)


def journalled(partial: Path) -> Stats:
    """Return what is known of the files that hold full resolution of a series, and that the journal lists."""
    if not (partial / "journal").exists() or not (grown(partial) / "0" / "c").is_dir():
        return {}
    names = []
    for entry in entries(partial / "journal"):
        if entry["kind"] == Kind.PIECE and entry["level"] == 0:
            (_, top, left), (_, high, wide) = entry["start"].tolist(), entry["count"].tolist()
            names += [
                f"0/c/{entry['sample']}/{y}/{x}" for y in range(top, top + high) for x in range(left, left + wide)
            ]
    return stats_of(grown(partial), names)


def stats_of(path: Path, names: "list[str] | Stats") -> Stats:
    """Return inode and time of change of files below a path."""
    found = ((name, (path / name).stat()) for name in names)
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found}


def _moved(found: dict[str, bytes] | None) -> dict[str, bytes]:
    assert found is not None
    return found


def main() -> None:
    """Kill as often as asked, and say where the kills hit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--what", choices=sorted(CASES), default="zarr")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    with tempfile.TemporaryDirectory(dir=fast_disk()) as name:
        made = Path(name) / "made"
        made.mkdir()
        make_inputs(made)
        both = []
        for over in (False, True):
            folder = Path(name) / f"over{over}"
            folder.mkdir()
            both.append(Killing(CASES[asked.what], made, folder, over=over))
        seconds = [killing.undisturbed() for killing in both]
        print(f"{asked.what}: undisturbed {seconds[0]:.2f} s")
        resumed = 0
        while sum(k.phases.total() - k.phases["too late"] for k in both) < asked.kills:
            which = rng.randrange(2)
            killing = both[which]
            killing.ready()
            killing.kill_at_random(rng, seconds[which])
            killing.resume()
            resumed += 1
        phases = both[0].phases + both[1].phases
        kept = sum(killing.kept for killing in both)
        print(f"{resumed} runs resumed with the same bytes; {kept} files of finished blocks not written again")
        for phase, times in sorted(phases.items()):
            print(f"  {phase:12} {times:5}")


if __name__ == "__main__":
    main()
