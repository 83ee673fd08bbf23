"""`patchplan verify` as users run it: what has changed by name, JSON, exit codes, bad input."""

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

import patchplan
from patchplan.publish.checksums import manifest_of, write_checksums
from tests.cli.running import TOOL, environment, run

KEYS = ["output", "n_files", "bytes", "n_changed", "n_missing", "n_extra", "n_unreadable"]
KINDS = ["changed", "missing", "extra", "unreadable"]


@pytest.fixture
def folder(tmp_path):
    """An output of 24 files, with its checksums."""
    output = tmp_path / "out.zarr"
    (output / "0" / "c").mkdir(parents=True)
    for n in range(24):
        (output / "0" / "c" / str(n)).write_bytes(b"pixels" * n)
    write_checksums(output, "out.zarr", manifest_of(output), threads=1)
    return tmp_path


def test_an_output_as_it_was_written(folder):
    assert tuple(run("verify", "out.zarr", cwd=folder)) == (0, "out.zarr: 24 files, 1.7 kB: all as written\n", "")
    assert tuple(run("verify", "out.zarr/", "--quiet", "--workers", "1", cwd=folder)) == (0, "", "")
    assert run("verify", ".", cwd=folder / "out.zarr").code == 0, "the folder that one stands in"


def test_differences_are_lines_that_name_files_and_exit_code_1(folder):
    chunks = folder / "out.zarr" / "0" / "c"
    (chunks / "3").write_bytes(b"other")
    (chunks / "2").unlink()
    (chunks / "notes.txt").write_text("mine")
    (chunks / "1").unlink()
    (chunks / "1").mkdir()
    code, out, err = run("verify", "out.zarr", cwd=folder)
    assert code == 1
    assert out == "out.zarr: 24 files, 1.6 kB: 1 changed, 1 missing, 1 extra, 1 unreadable\n"
    hashes = [hashlib.sha256(content).hexdigest() for content in (b"other", b"pixels" * 3)]
    assert err.splitlines() == [
        f"failed: changed: out.zarr/0/c/3: found {hashes[0]}, expected {hashes[1]}",
        "failed: missing: out.zarr/0/c/2",
        "failed: extra: out.zarr/0/c/notes.txt: has no checksum",
        "failed: unreadable: out.zarr/0/c/1: is a folder",
    ]
    assert tuple(run("verify", "out.zarr", "--quiet", cwd=folder)) == (1, "", err)


def test_json_has_all_and_is_all_of_stdout(folder):
    for n in range(11):
        (folder / "out.zarr" / "0" / "c" / str(n)).write_bytes(b"other")
    code, out, err = run("verify", "out.zarr", "--json", cwd=folder)
    assert code == 1
    result = json.loads(out)
    assert list(result) == [*KEYS, *KINDS]
    assert [result[key] for key in KEYS] == ["out.zarr", 24, 6 * sum(range(11, 24)) + 55, 11, 0, 0, 0]
    assert [one["path"] for one in result["changed"]] == [f"out.zarr/0/c/{n}" for n in range(11)]
    assert list(result["changed"][0]) == ["path", "found", "expected"]
    assert len(err.splitlines()) == 11
    assert err.splitlines()[-1] == "failed: changed: 1 more file; all with --json"
    assert patchplan.verify(folder / "out.zarr", workers=2).model_dump()["changed"] == tuple(result["changed"])
    assert not patchplan.verify(folder / "out.zarr").ok


def test_names_cannot_steer_a_terminal(folder):
    (folder / "out.zarr" / "\x1b[31m\nred").touch()
    code, _, err = run("verify", "out.zarr", cwd=folder)
    assert (code, err) == (1, "failed: extra: out.zarr/\\x1b[31m\\nred: has no checksum\n")


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("none.zarr",), "none.zarr: no such file or folder"),
        (("bare",), "bare.sha256: no such file; stitch and extract write it with --checksums"),
        (("empty",), "empty.sha256: is empty; make the output again with --checksums"),
        (("moved",), "moved.sha256: line 1: found 'out.zarr/0/c/0'; allowed: moved and files in it; if it was renamed"),
        (("out.zarr", "--workers", "0"), "--workers: found 0; allowed: 1 to 256"),
    ],
    ids=["no output", "no manifest", "empty manifest", "another's manifest", "no threads"],
)
def test_what_cannot_be_verified_is_a_line_and_exit_code_2(folder, args, problem):
    for name in ("bare", "empty", "moved"):
        (folder / name).mkdir()
    (folder / "empty.sha256").touch()
    (folder / "moved.sha256").write_bytes((folder / "out.zarr.sha256").read_bytes())
    code, out, err = run("verify", *args, cwd=folder)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {problem}")
    assert err.count("\n") == 1


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="sees in /proc what a process has open")
def test_an_interrupt_ends_promptly_though_a_file_is_large(folder):
    large = folder / "out.npy"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    manifest_of(large).write_text(f"{'0' * 64}  out.npy\n")
    process = subprocess.Popen(
        [*TOOL, "verify", "out.npy"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    deadline = time.monotonic() + 60
    while large not in (Path(os.path.realpath(link)) for link in Path(f"/proc/{process.pid}/fd").iterdir()):
        assert process.poll() is None, "it ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err == "interrupted: nothing was written\n"
