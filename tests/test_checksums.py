"""Checksums of an output: what is written is what sha256sum reads, and every difference is found by name."""

import errno
import hashlib
import os
import shutil
import subprocess
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patchplan.errors import OutputError
from patchplan.publish import checking, hashing
from patchplan.publish.checking import Findings, check_checksums
from patchplan.publish.checksums import line_of, manifest_of, read_checksums, write_checksums
from patchplan.publish.hashing import Hasher, walk

POSIX = pytest.mark.skipif(os.name != "posix", reason="names, links and pipes of POSIX")
SHA256SUM = pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
OK: dict[str, list[str]] = {"changed": [], "missing": [], "extra": [], "unreadable": []}

parts = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", max_codepoint=0x2FFF), min_size=1, max_size=4
).filter(lambda part: part not in (".", ".."))
trees = st.dictionaries(
    st.lists(parts, min_size=1, max_size=3).map("/".join), st.binary(max_size=40), min_size=1, max_size=6
).filter(lambda tree: not any(f"{a}/" == b[: len(a) + 1] for a in tree for b in tree))


def plant(output: Path, tree: dict[str, bytes]) -> None:
    """Write files, by their path."""
    shutil.rmtree(output, ignore_errors=True)
    for below, content in tree.items():
        file = output / below
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def write(output: Path, threads: int = 2) -> bytes:
    write_checksums(output, output.name, manifest_of(output), threads=threads)
    return manifest_of(output).read_bytes()


def check(output: Path) -> Findings:
    return check_checksums(output, threads=2)


def found(output: Path) -> dict[str, list[str]]:
    """What differs, by kind: paths in the output."""
    result = check(output)
    named = {
        "changed": [one.path for one in result.changed.first],
        "missing": result.missing.first,
        "extra": result.extra.first,
        "unreadable": [one.path for one in result.unreadable.first],
    }
    return {kind: sorted(path.removeprefix(f"{output.name}/") for path in paths) for kind, paths in named.items()}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """A store with its checksums."""
    output = tmp_path / "out.zarr"
    plant(output, {"zarr.json": b"{}", "0/zarr.json": b"{...}", "0/c/0/0": b"pixels", "0/c/0/1": b"more"})
    write(output)
    return output


@POSIX
@settings(max_examples=60)
@given(tree=trees, threads=st.integers(1, 3))
@example(tree={"\n": b"", "a/..\n": b""}, threads=1)
@example(tree={"a\\b": b"1", "a\nb": b"2", "a\rb": b"3", "c\r": b"4", " x ": b"5", "*": b"", "\\n": b"6"}, threads=1)
def test_every_file_has_the_checksum_of_its_bytes_and_none_differs(tmp_path_factory, tree, threads):
    output = tmp_path_factory.mktemp("any") / "out"
    plant(output, tree)
    lines = write(output, threads)
    assert lines == write(output, 3)
    assert dict(read_checksums(manifest_of(output), "out")) == {
        below: hashlib.sha256(content).hexdigest() for below, content in tree.items()
    }
    result = check(output)
    assert found(output) == OK
    assert (result.n_files, result.bytes) == (len(tree), sum(map(len, tree.values())))


@settings(max_examples=60)
@given(data=st.data(), tree=trees)
def test_what_is_done_to_a_file_is_found_by_its_name_and_nothing_else(tmp_path_factory, data, tree):
    output = tmp_path_factory.mktemp("any") / "out"
    plant(output, tree)
    write(output)
    below = data.draw(st.sampled_from(sorted(tree)))
    content = tree[below]
    what = data.draw(st.sampled_from(["flip", "truncate", "grow", "remove", "add"]))
    if what == "add":
        (output / "not one of them").write_bytes(content)
        assert found(output) == {**OK, "extra": ["not one of them"]}
    elif what == "remove":
        (output / below).unlink()
        assert found(output) == {**OK, "missing": [below]}
    else:
        place = data.draw(st.integers(0, max(0, len(content) - 1)))
        flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] if content else b"x"
        other = {"flip": flipped, "truncate": content[:place] if content else b"x", "grow": content + b"\0"}[what]
        (output / below).write_bytes(other)
        assert found(output) == {**OK, "changed": [below]}
        (one,) = check(output).changed.first
        assert (one.found, one.expected) == (hashlib.sha256(other).hexdigest(), hashlib.sha256(content).hexdigest())


@POSIX
@given(name=st.binary(min_size=1, max_size=8).filter(lambda raw: not {0, ord("/")} & set(raw)))
def test_any_name_comes_back_from_its_line(tmp_path_factory, name):
    manifest = tmp_path_factory.getbasetemp() / "any name.sha256"
    below = os.fsdecode(b"x" + name)
    manifest.write_bytes(line_of(f"out/{below}", "0" * 64))
    assert list(read_checksums(manifest, "out")) == [(below, "0" * 64)]
    assert manifest.read_bytes().count(b"\n") == 1


def test_lines_are_those_of_sha256sum_in_the_order_of_numbers_under_the_final_name(tmp_path):
    grown = tmp_path / "out.zarr.partial" / "growing"
    plant(grown, {f"0/c/{n}": b"" for n in (10, 9, 2, 100)} | {"zarr.json": b"{}"})
    assert write_checksums(grown, "out.zarr", tmp_path / "sums", threads=2) == 5
    empty = hashlib.sha256(b"").hexdigest()
    assert (tmp_path / "sums").read_text().splitlines() == [
        *(f"{empty}  out.zarr/0/c/{n}" for n in (2, 9, 10, 100)),
        f"{hashlib.sha256(b'{}').hexdigest()}  out.zarr/zarr.json",
    ]


def test_an_output_that_is_a_file(tmp_path):
    output = tmp_path / "out.ome.tif"
    output.write_bytes(b"pixels")
    assert write(output) == f"{hashlib.sha256(b'pixels').hexdigest()}  out.ome.tif\n".encode()
    assert found(output) == OK
    output.write_bytes(b"pixel")
    assert found(output)["changed"] == ["out.ome.tif"]
    output.unlink()
    plant(output, {"0": b""})
    assert found(output) == {**OK, "extra": ["0"], "unreadable": ["out.ome.tif"]}


@POSIX
@SHA256SUM
def test_sha256sum_accepts_what_we_write_and_finds_the_same_files(tmp_path):
    output = tmp_path / "out"
    plant(output, {"plain": b"1", "two words": b"2", "a\\b": b"3", "a\nb": b"4", "-x/*": b"5", "ü": b"6"})
    write(output)
    command = ["sha256sum", "--check", "--strict", "--quiet", "out.sha256"]
    assert subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout == b""
    (output / "two words").write_bytes(b"3")
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (1, b"out/two words: FAILED\n")


@POSIX
@SHA256SUM
@pytest.mark.parametrize("mode", ["--text", "--binary"])
@pytest.mark.parametrize("start", ["out", "./out", "out/"])
def test_what_sha256sum_writes_is_accepted_in_any_order(tmp_path, mode, start):
    output = tmp_path / "out"
    plant(output, {"plain": b"1", "two words": b"2", "a\\b": b"3", "a\nb": b"4", "c/d": b"5"})
    files = sorted(path for path in output.rglob("*") if path.is_file())
    names = [f"{start.rstrip('/')}/{path.relative_to(output)}" for path in reversed(files)]
    with manifest_of(output).open("wb") as manifest:
        subprocess.run(["sha256sum", mode, *names], cwd=tmp_path, check=True, stdout=manifest)
    assert found(output) == OK
    (output / "c" / "d").write_bytes(b"6")
    assert found(output) == {**OK, "changed": ["c/d"]}


def test_capitals_and_line_ends_of_windows_are_accepted(output):
    text = manifest_of(output).read_bytes()
    manifest_of(output).write_bytes(b"".join(line[:64].upper() + line[64:] + b"\r\n" for line in text.splitlines()))
    assert found(output) == OK
    manifest_of(output).write_bytes(text[:-1])
    assert found(output) == OK, "without the last line end"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("", "found ''; allowed: 64 hexadecimal digits"),
        ("0" * 63 + "  out.zarr/0", "found .*; allowed: 64 hexadecimal digits, two spaces and a name"),
        ("0" * 64 + " out.zarr/0", "found .*; allowed: 64 hexadecimal digits"),
        ("0" * 64 + "  ", "found .*; allowed: 64 hexadecimal digits"),
        ("0" * 64 + "  out.zarr/a\0b", "found .*; allowed: 64 hexadecimal digits"),
        ("0" * 64 + "  out.zarr/" + "a" * (1 << 17), "found .*; allowed: 64 hexadecimal digits"),
        ("\\" + "0" * 64 + "  out.zarr/a\\tb", r"found '\\\\t' in an escaped name; allowed: "),
        ("\\" + "0" * 64 + "  out.zarr/a\\", r"found '\\\\' in an escaped name; allowed: "),
        ("0" * 64 + "  other.zarr/0", r"found 'other\.zarr/0'; allowed: out\.zarr and files in it; if it was renamed"),
        ("0" * 64 + "  /etc/passwd", r"found '/etc/passwd'; allowed: out\.zarr and files in it"),
        ("0" * 64 + "  ../out.zarr/0", r"found '\.\./out\.zarr/0'; allowed: out\.zarr and files in it"),
        ("0" * 64 + "  out.zarr/../x", r"found 'out\.zarr/\.\./x'; allowed: .* without empty parts"),
        ("0" * 64 + "  out.zarr/0/..", r"found 'out\.zarr/0/\.\.'; allowed: "),
        ("0" * 64 + "  out.zarr/./0", r"found 'out\.zarr/\./0'; allowed: "),
        ("0" * 64 + "  out.zarr//0", r"found 'out\.zarr//0'; allowed: "),
        ("0" * 64 + "  out.zarr/", r"found 'out\.zarr/'; allowed: "),
    ],
)
def test_a_line_that_is_damaged_or_leads_elsewhere_is_refused_by_its_number(output, line, problem):
    manifest = manifest_of(output)
    first, rest = manifest.read_text().split("\n", 1)
    manifest.write_text(f"{first}\n{line}\n{rest}")
    with pytest.raises(OutputError, match=rf"out\.zarr\.sha256: line 2: {problem}"):
        check(output)


@settings(max_examples=200)
@given(lines=st.binary(max_size=200))
def test_any_bytes_are_lines_or_refused(tmp_path_factory, lines):
    manifest = tmp_path_factory.getbasetemp() / "any bytes.sha256"
    manifest.write_bytes(lines)
    try:
        assert list(read_checksums(manifest, "out")) == []
    except OutputError as error:
        assert str(error).startswith(f"{manifest}: line ")  # noqa: PT017 - most bytes are refused, and some are none


def test_what_is_not_there_is_named(output):
    with pytest.raises(OutputError, match=r"none\.zarr: no such file or folder"):
        check(output.with_name("none.zarr"))
    manifest_of(output).write_bytes(b"")
    with pytest.raises(OutputError, match=r"out\.zarr\.sha256: is empty; make the output again with --checksums"):
        check(output)
    manifest_of(output).unlink()
    with pytest.raises(OutputError, match=r"out\.zarr\.sha256: no such file; stitch and extract write .* --checksums"):
        check(output)
    manifest_of(output).mkdir()
    with pytest.raises(OutputError, match=r"out\.zarr\.sha256: cannot be read: Is a directory"):
        check(output)
    with pytest.raises(OutputError, match=r"cannot be read: .*embedded null"):
        check(Path("a\0b"))


@POSIX
def test_links_and_pipes_are_reported_and_never_followed(output, tmp_path):
    shutil.copytree(output / "0", tmp_path / "elsewhere")
    (output / "zarr.json").rename(tmp_path / "zarr.json")
    (output / "zarr.json").symlink_to(tmp_path / "zarr.json")
    (output / "more").symlink_to(tmp_path)
    os.mkfifo(output / "pipe")
    result = check(output)
    assert found(output) == {**OK, "extra": ["more", "pipe"], "unreadable": ["zarr.json"]}
    assert result.unreadable.first[0].why == "is a link, which is not followed"
    shutil.rmtree(output / "0")
    (output / "0").symlink_to(tmp_path / "elsewhere")
    inside = ["0/c/0/0", "0/c/0/1", "0/zarr.json", "zarr.json"]
    assert found(output) == {**OK, "extra": ["0", "more", "pipe"], "unreadable": inside}
    assert check(output).unreadable.first[0].why == "out.zarr/0 is a link, which is not followed"
    (output / "0").unlink()
    os.mkfifo(output / "0")
    assert found(output)["missing"] == inside[:3]


def test_an_output_that_is_not_there_gets_no_checksums(tmp_path):
    with pytest.raises(FileNotFoundError, match="none"):
        write(tmp_path / "none")


@POSIX
def test_an_output_with_a_link_gets_no_checksums(output, tmp_path):
    (output / "more").symlink_to(tmp_path)
    with pytest.raises(OutputError, match=r"out\.zarr/more: is no plain file"):
        write(output)


@POSIX
def test_an_output_that_is_a_link_itself_is_read(output):
    output.rename(output.with_name("stored"))
    output.symlink_to("stored")
    assert found(output) == OK


def test_a_file_that_cannot_be_read_is_named_with_the_reason(output, monkeypatch):
    whole = Hasher.hash

    def broken(self: Hasher, path: str) -> str:
        if path.endswith("1"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return whole(self, path)

    monkeypatch.setattr(Hasher, "hash", broken)
    assert list(check(output).unreadable.first) == [("out.zarr/0/c/0/1", "Input/output error")]
    with pytest.raises(OSError, match="Input/output error"):
        write(output)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_listed_is_named(output):
    (output / "0" / "c").chmod(0)
    try:
        assert found(output)["unreadable"] == ["0/c", "0/c/0/0", "0/c/0/1"]
    finally:
        (output / "0" / "c").chmod(0o755)


def test_a_folder_that_cannot_be_listed_hides_no_other_finding(output, monkeypatch):
    scandir = os.scandir

    def broken(path: Path) -> object:
        if path.name == "c":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    (output / "extra").touch()
    monkeypatch.setattr(os, "scandir", broken)
    assert found(output) == {**OK, "extra": ["extra"], "unreadable": ["0/c"]}
    with pytest.raises(PermissionError, match="Permission denied"):
        write(output)


@POSIX
def test_a_name_that_is_no_unicode_is_shown(output):
    file = os.fsencode(output) + b"/\xff"
    try:
        os.close(os.open(file, os.O_CREAT))
    except OSError:
        pytest.skip("the file system takes no such names")
    assert found(output) == {**OK, "extra": ["\\xff"]}
    write(output)
    assert found(output) == OK


def test_findings_are_all_counted_and_the_first_kept(output, monkeypatch):
    monkeypatch.setattr(checking, "MOST", 2)
    for name in "abc":
        (output / name).touch()
    extra = check(output).extra
    assert (extra.n, extra.first) == (3, ["out.zarr/a", "out.zarr/b"])


@given(names=st.sets(parts, max_size=12), most=st.integers(1, 5))
def test_large_folders_are_listed_in_pieces_in_the_same_order(tmp_path_factory, names, most):
    folder = tmp_path_factory.mktemp("many")
    for name in names:
        (folder / name).touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "_NAMES", most)
        listed = list(walk(folder))
    assert listed == [(name, True) for name in sorted(names, key=lambda name: (len(name), name))]


def peak_of(task: Callable[[], object]) -> int:
    """The most bytes that Python held during a task."""
    tracemalloc.start()
    try:
        task()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_files(tmp_path, monkeypatch):
    monkeypatch.setattr(hashing, "_NAMES", 500)
    output = tmp_path / "out"
    output.mkdir()
    for n in range(6_000):
        (output / str(n)).touch()
    write(output)
    check(output)  # what it imports is held for good
    most = 2 * hashing._BLOCK + 700_000
    assert peak_of(lambda: write_checksums(output, "out", manifest_of(output), threads=2)) < most
    assert peak_of(lambda: check(output)) < most


def test_a_manifest_of_100_000_files_is_checked_in_bounded_memory(output):
    check(output)  # what it imports is held for good
    with manifest_of(output).open("ab") as lines:
        lines.writelines(line_of(f"out.zarr/1/c/0/{n}", "0" * 64) for n in range(100_000))
    results: list[Findings] = []
    assert peak_of(lambda: results.append(check(output))) < 2 * hashing._BLOCK + 4_000_000
    (result,) = results
    assert (result.n_files, result.missing.n, len(result.missing.first)) == (100_004, 100_000, checking.MOST)


def test_progress_counts_bytes_up_to_all(output):
    seen: list[tuple[int, int]] = []
    check_checksums(output, threads=2, progress=lambda *step: seen.append(step))
    assert seen[-1] == (17, 17)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    seen.clear()
    write_checksums(output, "out.zarr", manifest_of(output), threads=2, progress=lambda *step: seen.append(step))
    assert seen[-1] == (17, 17)


def test_an_interrupt_does_not_wait_for_a_large_file(tmp_path):
    output = tmp_path / "out.npy"
    with output.open("wb") as file:
        file.truncate(1 << 40)

    def interrupt(done: int, total: int) -> None:
        assert total == 1 << 40
        raise KeyboardInterrupt("here")

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt, match="here"):
        write_checksums(output, "out.npy", manifest_of(output), threads=2, progress=interrupt)
    assert time.monotonic() - start < 10
