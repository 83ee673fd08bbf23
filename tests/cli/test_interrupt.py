"""Ctrl-C or SIGTERM while it runs: exit code 130, one line, nothing left behind."""

import signal
import subprocess
import time

import pytest

from tests.cli.running import TOOL, environment, npy


@pytest.mark.parametrize(("end", "how"), [(".parquet", signal.SIGINT), (".csv", signal.SIGTERM)])
def test_an_interrupt_while_writing(tmp_path, end, how):
    """The earlier plan stays byte for byte; nothing half-written does."""
    npy(tmp_path / "a.npy", 60_000, 60_000)
    (tmp_path / f"p{end}").write_bytes(b"an earlier file")
    command = [*TOOL, "plan", "a.npy", "--strategy", "random", "--patch-size", "4", "--overwrite", "-o", f"p{end}"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    deadline = time.monotonic() + 60
    while not any(partial.stat().st_size > 1000 for partial in tmp_path.glob("*.partial")):
        assert process.poll() is None, "it ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err == "interrupted: nothing was written\n"
    assert {path.name for path in tmp_path.iterdir()} == {"a.npy", f"p{end}"}
    assert (tmp_path / f"p{end}").read_bytes() == b"an earlier file"
