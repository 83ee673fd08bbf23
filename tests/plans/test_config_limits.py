"""No config, however odd, gives anything but a config or a ConfigError: quickly, and in short lines."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchplan.errors import ConfigError
from patchplan.patching.factory import STRATEGIES
from patchplan.plans.config import ConfigText, read_config


def outcome(check: Callable[[], object]) -> str:
    """Return the message of the ConfigError, if there is one; any other error fails the test."""
    try:
        check()
    except ConfigError as error:
        return str(error)
    return "no error"


BOMB = "  - &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"  - &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"name: whole\nunknown:\n{BOMB}", id="unknown-key"),
        pytest.param(f"patching:\n{BOMB}", id="patching"),
        pytest.param(f"name: tiled\npatch_size:\n{BOMB}", id="patch_size"),
        pytest.param(f"name: random\npatch_size: 8\nseed:\n{BOMB}", id="seed"),
        pytest.param(f"name:\n{BOMB}", id="name"),
    ],
)
def test_an_alias_bomb_is_refused_in_a_short_line_and_a_short_time(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    code = (
        "import pathlib, resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (2, 2))\n"
        "from patchplan.plans.config import read_config, ConfigError\n"
        "try: read_config(pathlib.Path('c.yaml')).check()\n"
        "except ConfigError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("c.yaml")
    assert len(run.stdout) < 2000


@pytest.mark.parametrize("value", ["x" * 60_000, [8] * 3_000], ids=["text", "list"])
def test_a_long_value_is_shown_in_short(tmp_path, value):
    (tmp_path / "c.yaml").write_text(f"name: tiled\npatch_size: {value}\n")
    with pytest.raises(ConfigError, match=r"line 2: patch_size: found ") as caught:
        read_config(tmp_path / "c.yaml").check()
    assert len(str(caught.value)) < 1000


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from([8, 0, -1, 8.0, "8", *STRATEGIES]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["name", "patch_size", "overlaps", "halo", "stride", "multiple_of", "seed", "table", "axes", "patching", "x"]
SIGNS = [
    ": ",
    "\n",
    "  ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "8",
    ",",
    "&a ",
    "*a",
    "? ",
    "| ",
    "> ",
    "'",
    '"',
    "#",
    "<<: ",
    "tiled",
]
MAPPINGS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)
NAMED = st.builds(lambda name, rest: {**rest, "name": name}, st.sampled_from(sorted(STRATEGIES)), MAPPINGS)


@settings(max_examples=400)
@given(values=MAPPINGS | NAMED | st.builds(lambda inner, rest: {**rest, "patching": inner}, NAMED | VALUES, MAPPINGS))
def test_any_values_give_a_config_or_a_config_error(values):
    """As options and as a file: nothing but ConfigError comes out, and every line of it is short."""
    for text in (
        ConfigText(values),
        ConfigText({"patching": values}),
        ConfigText({"patching": values}, "c.yaml", {}, bare=True),
    ):
        message = outcome(text.check)
        assert all(len(line) < 1000 for line in message.splitlines())


@settings(max_examples=300)
@given(
    text=st.text(max_size=60) | st.lists(st.sampled_from([*KEYS, *SIGNS]), max_size=25).map("".join),
)
def test_any_text_gives_a_config_or_a_config_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert outcome(lambda: read_config(path).check()).startswith(("no error", str(path)))
