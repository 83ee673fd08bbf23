"""The law of hostile input, and ways to make it: whatever bytes, only a PatchplanError, soon, in little memory."""

import copy
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from patchplan.errors import PatchplanError
from patchplan.images import open_images
from patchplan.images.paths import absolute

SECONDS = 10
GROWTH = 400 << 20
"""Bytes by which reading a few kilobytes may make the process grow at its peak."""

ROOM = 8 << 30
"""Bytes of address space beyond what is taken: what asks for more fails instead of taking the machine along."""

ROOT = Path(__file__).parents[2]

TIMES = int(os.environ.get("PATCHPLAN_HOSTILE", "1"))
"""Times the examples of each law: PATCHPLAN_HOSTILE=50 draws 50 times as many, other ones each time."""


def examples(n: int) -> Any:
    """Return settings of `n` examples, the same in each run unless more are asked for."""
    checks = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
    return settings(
        max_examples=n * TIMES, derandomize=TIMES == 1, database=None, deadline=None, suppress_health_check=checks
    )


class StuckError(BaseException):
    """Something takes too long; no boundary of ours may swallow it."""


def _stuck(*_: object) -> None:
    raise StuckError(f"not done after {SECONDS} s")


@contextmanager
def bounded() -> Iterator[None]:
    """Fail where what is inside takes too long or too much memory."""
    if sys.platform != "linux":
        yield
        return
    before, limits = signal.signal(signal.SIGALRM, _stuck), resource.getrlimit(resource.RLIMIT_AS)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    taken, held = _status("VmSize"), _status("VmRSS")
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, limits[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)
    grown = _status("VmHWM") - held
    assert grown < GROWTH, f"took {grown >> 20} MB"


def _status(name: str) -> int:
    """Return a number of bytes that the system tells of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) << 10


def lawful(action: Callable[[], object], *names: str) -> str:
    """Do something with hostile input; return what it was refused with, naming one of `names`, or nothing."""
    with bounded():
        try:
            action()
        except PatchplanError as error:
            message = str(error)
        else:
            return ""
    assert any(name in message for name in names), f"names none of {names}: {message}"
    assert all(len(line) < 3000 for line in message.splitlines()), f"{len(message)} characters: {message[:300]}"
    assert ": does not fit in memory" not in message, message
    return message


_NOTED: list[list[str]] = []
"""Lists that what is opened is noted in; a hook for it cannot be taken out again."""


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _NOTED and event in ("open", "os.scandir", "os.listdir") and isinstance(arguments[0], str | os.PathLike):
        _NOTED[-1].append(absolute(Path(arguments[0])))


sys.addaudithook(_note)


@contextmanager
def opened_only(*folders: Path) -> Iterator[None]:
    """Fail where Python opens a file that lies neither in these folders nor where programs and settings are."""
    noted: list[str] = []
    _NOTED.append(noted)
    try:
        yield
    finally:
        _NOTED.remove(noted)
    allowed = (*map(str, folders), sys.prefix, sys.base_prefix, str(ROOT), "/proc/", "/dev/")
    outside = [path for path in noted if not path.startswith(allowed)]
    assert not outside, f"opened {outside}"


def look_at(path: Path) -> str:
    """Open an image and read two corners."""

    def opened() -> None:
        for source in open_images(path):
            for axes in (source, *((source.with_ndim(3),) if "Z" in source.axes else ())):
                size = tuple(min(32, n) for n in axes.data_shape[2:])
                axes.read(0, (0,) * len(size), size, channels=[0])
                last = tuple(n - k for n, k in zip(axes.data_shape[2:], size, strict=True))
                axes.read(axes.data_shape[0] - 1, last, size, channels=[axes.data_shape[1] - 1])

    return lawful(opened, path.name)


NUMBERS = st.sampled_from(
    [
        *(0, -1, 1, 2, 255, 2**31, 2**31 - 1, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30),
        *(-(10**30), 10**400, 0.5, -0.0, 1e308, 8.0, float("nan"), float("inf"), float("-inf")),
    ]
) | st.integers(-3, 70)
TEXTS = st.sampled_from(
    [
        *(
            "",
            ".",
            "..",
            "../../x",
            "/etc/passwd",
            "a/../../b",
            "C:\\x",
            "\0",
            "a\0b",
            "\ud800",
            "é\u202e\n",
            "x" * 5000,
        ),
        *("0" * 400, "|O", "O", "V8", "<U4", "M8[s]", "(9999,9999)u1", "u1," * 500, "nan", "1e400", "{}", "~", "*"),
    ]
) | st.text(max_size=6)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS


def _deep(n: int) -> Any:
    value: Any = 1
    for _ in range(n):
        value = [value]
    return value


VALUES = (
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=5,
    )
    | st.lists(NUMBERS, min_size=1, max_size=6)
    | st.builds(_deep, st.sampled_from([3, 300]))
)
"""Any JSON, mostly what goes wrong: huge, negative, odd, of the wrong type, nested."""


@st.composite
def changed(draw: st.DrawFn, document: Any, most: int = 3) -> Any:
    """Return a JSON document with some values replaced, left out, doubled or moved."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, most))):
        places = list(_places(document))
        if not places:
            return draw(VALUES)
        holder, key = draw(st.sampled_from(places))
        how = draw(st.sampled_from(["replace", "replace", "replace", "leave out", "double", "swap", "add"]))
        if how == "replace":
            holder[key] = draw(VALUES)
        elif how == "leave out":
            del holder[key]
        elif how == "double" and isinstance(holder[key], list):
            holder[key] = holder[key] * 2
        elif how == "swap":
            other, there = draw(st.sampled_from(places))
            value = copy.deepcopy(other[there])
            holder[key] = value
        elif how == "add" and isinstance(holder, dict):
            holder[draw(TEXTS)] = draw(VALUES)
    return document


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a document, as what holds it and its key."""
    entries: Sequence[Any] = list(value) if isinstance(value, dict) else range(len(value))
    for key in entries:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


@st.composite
def damaged(draw: st.DrawFn, text: bytes, other: bytes = b"", within: int = 1 << 16) -> bytes:
    """Return bytes with some flipped, cut out, put in, spliced with others, or cut off."""
    data = bytearray(text)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, min(len(data), within) - 1)))
        how = draw(st.sampled_from(["flip", "flip", "number", "cut", "put", "splice", "end"]))
        if how == "flip" and data:
            data[at] = draw(st.sampled_from([0, 1, 9, 10, 34, 47, 127, 128, 255]) | st.integers(0, 255))
        elif how == "number":
            data[at : at + 4] = draw(st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80"]))
        elif how == "cut":
            del data[at : at + draw(st.integers(1, 40))]
        elif how == "put":
            data[at:at] = draw(st.binary(min_size=1, max_size=20))
        elif how == "splice" and other:
            start = draw(st.integers(0, len(other) - 1))
            data[at : at + 64] = other[start : start + 64]
        elif how == "end":
            del data[at:]
    return bytes(data)


def json_bytes(document: Any) -> bytes:
    """Return JSON as a writer without manners has it: NaN, surrogates, long numbers and all."""
    import json

    return json.dumps(document).encode("utf-8", "surrogatepass")
