"""Colours of outlines are told apart by everybody, on dark and on bright pictures."""

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

SIGHT = {
    "most people": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""How linear RGB is seen: Machado, Oliveira and Fernandes, 2009, severity 1."""

XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1, 1.089])
DARK = "#20262d"


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    x, y, z = XYZ @ rgb.clip(0, 1) / WHITE
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def colours():
    script = (files("patchplan.pictures") / "page" / "viewer.js").read_text("utf-8")
    kept, splits = re.search(r'KEPT = "(#\w+)"', script), re.search(r"SPLITS = \[(.*?)\]", script)
    assert kept
    assert splits
    return [kept[1], *re.findall(r"#\w+", splits[1])]


@pytest.mark.parametrize("sight", SIGHT)
def test_kept_parts_and_splits_are_told_apart(sight):
    seen = {colour: lab(np.array(SIGHT[sight]) @ linear(colour)) for colour in [DARK, *colours()]}
    assert len(seen) == 7
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 24, (one, other)
