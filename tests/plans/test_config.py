"""A wrong config is refused with file, line, key, what was found and what is allowed."""

import re
from pathlib import Path
from typing import Any

import pytest

from patchplan.errors import ConfigError
from patchplan.plans.config import read_config

SIZE = r"allowed: a whole number from 1 to 2\*\*62, or a list of 2 \(Y X\) or 3 \(Z Y X\) of them"
NAMES = "allowed: fixed, fixed_random, random, sequential, stratified, tiled, whole"


def check(folder: Path, text: str | bytes) -> Any:
    path = folder / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(path).check()


def tiled(text: str) -> str:
    return f"name: tiled\npatch_size: 8\n{text}\n"


NO_YAML = {
    "bad-indent": "a: b: c",
    "tab": "\t a: 1",
    "open-bracket": "[1, 2",
    "two-documents": "a: 1\n---\nb: 2",
    "unknown-alias": "name: *nobody",
    "python-object": "name: !!python/object/apply:os.system [ls]",
    "unhashable-key": "? [a]\n: 1",
    "nul-byte": b"name: \0",
    "not-utf8": b"name: \xff",
    "binary": bytes(range(256)) * 20,
    "deep-flow": "[" * 50_000,
    "deep-block": "- " * 30_000,
    "deep-mapping": "{a: " * 500,
    "word-as-int": "name: !!int x",
}
UNCAUGHT = {
    "empty-int": 'name: !!int ""',
    "no-bool": "name: !!bool x",
    "no-date": "name: !!timestamp x",
    "empty-float": 'name: !!float ""',
}


@pytest.mark.parametrize(
    "text",
    [pytest.param(text, id=name) for name, text in (NO_YAML | UNCAUGHT).items()],
)
def test_what_is_no_yaml_is_said_to_be_none(tmp_path, text):
    with pytest.raises(ConfigError, match=r"c\.yaml: no valid YAML: \S.*$") as caught:
        check(tmp_path, text)
    assert len(str(caught.value)) < 1000
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "# only a comment", "tiled", "5", "[name, tiled]", "null"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match=r"c\.yaml: found .*; allowed: a mapping with patching, or with name"):
        check(tmp_path, text)


def test_a_config_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.yaml: cannot be read: No such file or directory"):
        read_config(tmp_path / "no.yaml")
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        read_config(tmp_path)


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "c.yaml").open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(ConfigError, match=r"c\.yaml: larger than \d+ bytes, so it is no config"):
        read_config(tmp_path / "c.yaml")


WRONG = [
    pytest.param(
        "name: tield\n", rf"c\.yaml, line 1: name: found 'tield'; {NAMES} \(did you mean tiled\?\)$", id="name"
    ),
    pytest.param("name: [tiled]\n", rf"c\.yaml, line 1: name: found \['tiled'\]; {NAMES}", id="name-list"),
    pytest.param("patch_size: 8\n", rf"c\.yaml: name: found nothing; {NAMES}$", id="no-name"),
    pytest.param(
        "patching:\n  patch_size: 8\n", rf"c\.yaml, line 1: patching\.name: found nothing; {NAMES}$", id="no-name-below"
    ),
    pytest.param("patching: 5\n", r"c\.yaml, line 1: patching: found 5; ", id="patching-number"),
    pytest.param("axes: YX\n", rf"c\.yaml: patching: no strategy given; {NAMES}", id="no-patching"),
    pytest.param(
        "axes: 5\npatching:\n  name: whole\n",
        r"c\.yaml, line 1: axes: found 5; allowed: letters, such as ZYX",
        id="axes",
    ),
    pytest.param(
        "patching:\n  name: whole\nfilters: 1\n",
        r"line 3: filters: unknown key .did you mean filter.*; allowed: axes, patching, regions, filter, split",
        id="top-key",
    ),
    pytest.param(
        tiled("overlap: 4"),
        r"c\.yaml, line 3: overlap: unknown key \(did you mean overlaps\?\); allowed: name, patch_size, "
        r"overlaps, halo, stride, multiple_of \(name: tiled\)$",
        id="near-key",
    ),
    pytest.param(
        "axes: YX\npatching:\n  name: tiled\n  patch_size: 8\n  multiple-of: 4\n",
        r"c\.yaml, line 5: patching\.multiple-of: unknown key \(did you mean multiple_of\?\)",
        id="near-key-below",
    ),
    pytest.param(
        tiled("seed: 4"), r"c\.yaml, line 3: seed: unknown key; allowed: .*\(name: tiled\)$", id="key-of-another"
    ),
    pytest.param(tiled("5: 4"), r"c\.yaml.*: 5: .*keys should be strings", id="number-key"),
    pytest.param("name: tiled\n", r"c\.yaml: patch_size: missing, but needed; such as 256", id="missing"),
    *(
        pytest.param(
            f"name: tiled\npatch_size: {value}\n",
            rf"c\.yaml, line 2: patch_size: found {re.escape(found)}; {SIZE}$",
            id=f"size-{value}",
        )
        for value, found in {
            "true": "True",
            "8.0": "8.0",
            "'8'": "'8'",
            "8px": "'8px'",
            "0": "0",
            "-8": "-8",
            "[]": "[]",
            "[8]": "[8]",
            ".nan": "nan",
            "[8, 8, 8, 8]": "[8, 8, 8, 8]",
            "[8, 8.0]": "[8, 8.0]",
            "[8, false]": "[8, False]",
            "[8, '8']": "[8, '8']",
            "{}": "{}",
            "[[8, 8]]": "[[8, 8]]",
            "1e3": "'1e3'",
            "99999999999999999999": "99999999999999999999",
            "2020-01-01": "datetime.date(2020, 1, 1)",
        }.items()
    ),
    pytest.param(
        tiled("overlaps: -1"),
        r"line 3: overlaps: found -1; allowed: a whole number from 0",
        id="overlap-negative",
    ),
    pytest.param(tiled("stride: 0"), r"line 3: stride: found 0; allowed: a whole number from 1", id="stride-zero"),
    pytest.param(
        tiled("multiple_of: 0"),
        r"line 3: multiple_of: found 0; allowed: a whole number from 1",
        id="multiple-zero",
    ),
    *(
        pytest.param(
            f"name: random\npatch_size: 8\nseed: {value}\n",
            rf"line 3: seed: found {re.escape(found)}; allowed: a whole number from 0 "
            r"to 2\*\*128 - 1$",
            id=f"seed-{value}",
        )
        for value, found in {
            "-1": "-1",
            "1.0": "1.0",
            "true": "True",
            "x": "'x'",
            "[1]": "[1]",
            str(2**128): str(2**128),
        }.items()
    ),
    pytest.param(
        "name: fixed\ntable: 5\n", r"c\.yaml, line 2: table: found 5; input should be a valid string", id="table-number"
    ),
    pytest.param("name: fixed\ntable: ''\n", r"c\.yaml, line 2: table: found ''; ", id="table-empty"),
    pytest.param("name: fixed\n", r"c\.yaml.*: give the patches as table: PATH", id="no-table"),
    pytest.param(
        tiled("patch_size: 9"), r"c\.yaml, line 3: patch_size is given twice \(first in line 2\)$", id="twice"
    ),
    pytest.param(
        "patching: {name: tiled, name: whole}\n",
        r"line 1: patching\.name is given twice \(first in line 1\)$",
        id="twice-below",
    ),
    pytest.param(
        tiled("overlaps: 8"),
        r"c\.yaml.*overlaps: Y is 8; allowed are 0 to 7 \(patch_size 8 minus 1\)$",
        id="overlap=size",
    ),
    pytest.param(
        "name: sequential\npatch_size: [9, 8]\noverlaps: [8, 8]\n",
        r"overlaps: X is 8; allowed are 0 to 7",
        id="overlap=size-x",
    ),
    pytest.param(
        tiled("halo: 4"), r"c\.yaml.*halo: Y is 4; allowed with patch_size 8 are at most 3$", id="halo-too-large"
    ),
    pytest.param(
        tiled("stride: 9"), r"c\.yaml.*stride: Y is 9; allowed with patch_size 8 are at most 8$", id="stride>size"
    ),
    pytest.param(
        tiled("halo: 1\nstride: 4"),
        r"c\.yaml.*found halo and stride; allowed: one of overlaps, halo, stride$",
        id="halo+stride",
    ),
    pytest.param(
        tiled("overlaps: 0\nhalo: 0"),
        r"found overlaps and halo; allowed: one of overlaps, halo, stride$",
        id="overlaps+halo",
    ),
    pytest.param(
        tiled("overlaps: 3\nmultiple_of: 2"),
        r"stride of Y is 5 .*no multiple of 2; nearest: 4 or 6$",
        id="multiple-of-stride",
    ),
    pytest.param(
        tiled("overlaps: 4\nmultiple_of: 4"),
        r"overlap // 2 of Y is 2 .*no multiple of 4; nearest: 4$",
        id="multiple-of-halo",
    ),
    pytest.param(
        "name: tiled\npatch_size: [8, 8, 8]\noverlaps: [2, 2]\n",
        r"overlaps \[2, 2\] has 2 entries, but .*3-D",
        id="2-and-3-entries",
    ),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_key_or_value(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        check(tmp_path, text)


@pytest.mark.parametrize("key", ["overlaps", "halo", "stride", "multiple_of"])
@pytest.mark.parametrize("below", [False, True], ids=["bare", "patching"])
def test_a_value_that_does_not_fit_another_names_its_line(tmp_path, key, below):
    lines = ["name: tiled", "patch_size: 8", f"{key}: 9"]
    text = "\n".join(["patching:", *(f"  {line}" for line in lines)] if below else lines)
    with pytest.raises(ConfigError, match=rf"c\.yaml, line {4 if below else 3}: .*{key}"):
        check(tmp_path, text)


def test_all_wrong_keys_are_named_at_once_a_line_each(tmp_path):
    with pytest.raises(ConfigError, match=r"c\.yaml") as caught:
        check(tmp_path, "name: random\npatch_size: x\nseed: -1\nsead: 3\n")
    lines = str(caught.value).splitlines()
    assert [re.sub(r".*(line \d): (\w+): (\w+).*", r"\1 \2 \3", line) for line in lines] == [
        "line 2 patch_size found",
        "line 3 seed found",
        "line 4 sead unknown",
    ]


@pytest.mark.parametrize("value", ["[]", "3", "[{data_idx: 0, sample_idx: 0, coords: [0, 0], patch_size: [8, 8]}]"])
def test_specs_in_a_file_are_no_key_of_a_config(tmp_path, value):
    with pytest.raises(ConfigError, match=r"fixed_patch_specs: unknown key"):
        check(tmp_path, f"name: fixed\nfixed_patch_specs: {value}\n")
