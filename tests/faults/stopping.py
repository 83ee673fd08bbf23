"""Running the real command and killing it: after some time, or when what it leaves on the disk says so."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.cli.running import Run, environment

DEADLINE = 120
POLL = 0.0005
DRAWS = 8
"""How often a kill that came too late is tried again."""

When = Callable[[Path], bool]
"""Tells from the folder where a command runs whether it has come far enough."""


def start(command: list[str], folder: Path) -> "subprocess.Popen[str]":
    """Start a command; Ctrl-C works as in a terminal."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def ended(process: "subprocess.Popen[str]") -> Run:
    """Wait for a command; a traceback or an end by a signal of its own fails the test."""
    out, err = process.communicate(timeout=DEADLINE)
    assert "Traceback" not in err, err
    assert process.returncode in (0, 1, 2, 130, -signal.SIGKILL), (process.returncode, err)
    return Run(process.returncode, out, err)


def run(command: list[str], folder: Path) -> Run:
    """Run a command to its end."""
    return ended(start(command, folder))


def finish(command: list[str], folder: Path) -> Run:
    """Run a command that must end well."""
    done = run(command, folder)
    assert done.code == 0, done.err
    return done


def refused(done: Run, *words: str) -> None:
    """Require exit code 2 and one error with some words, after which a note may say how to go on."""
    assert (done.code, done.out) == (2, ""), done
    assert [line.split()[0] for line in done.err.splitlines()] in (["error:"], ["error:", "note:"]), done.err
    for word in words:
        assert word in done.err, done.err


def kill_after(seconds: float, command: list[str], folder: Path) -> bool:
    """Run a command and kill it after some time; return whether it had not ended well before."""
    process = start(command, folder)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
    done = ended(process)
    assert done.code in (0, -signal.SIGKILL), done.err
    return done.code != 0


def signal_when(when: When, number: signal.Signals, command: list[str], folder: Path) -> tuple[Run, float] | None:
    """Send a signal as soon as a command has come far enough.

    Returns
    -------
    tuple of Run and float, or None
        What it left, and the seconds that it took to end; None if it ended before.
    """
    process = start(command, folder)
    while process.poll() is None and not when(folder):
        time.sleep(POLL)
    process.send_signal(number)
    sent = time.monotonic()
    done = ended(process)
    if done.code in (130, -signal.SIGKILL):
        return done, time.monotonic() - sent
    assert done.code == 0, done.err
    return None


def kill_when(when: When, command: list[str], folder: Path, again: Callable[[], None]) -> None:
    """Kill a command when it has come far enough; `again` makes the folder ready where it came too late."""
    for _ in range(DRAWS):
        if signal_when(when, signal.SIGKILL, command, folder) is not None:
            return
        again()
    raise AssertionError(f"in {DRAWS} runs none was killed in time")


def blocks(output: str, least: int = 1) -> When:
    """Return a predicate: so many entries stand in the journal."""
    journal = Path(f"{output}.partial") / "journal"

    def when(folder: Path) -> bool:
        return size_of(folder / journal) >= (least + 1) * 64

    return when


def exists(pattern: str) -> When:
    """Return a predicate: a path is there that matches a pattern."""
    return lambda folder: next(folder.glob(pattern), None) is not None


def size_of(path: Path) -> int:
    """Return the size of a file, 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def entries(journal: Path) -> np.ndarray:
    """Return the whole records of a journal as they are, its header first."""
    from patchplan.journal.records import RECORD

    data = journal.read_bytes()
    return np.frombuffer(data[: len(data) // RECORD.itemsize * RECORD.itemsize], RECORD)
