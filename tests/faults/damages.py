"""What a disk, or somebody, does to the partial output of a run that was stopped."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

Damage = Callable[[Path, random.Random], None]
"""Changes a file or folder."""


def flip(path: Path, rng: random.Random) -> None:
    """Change a byte."""
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
    path.write_bytes(data)


def cut(path: Path, rng: random.Random) -> None:
    """Shorten a file by some bytes, or all."""
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def lengthen(path: Path, rng: random.Random) -> None:
    """Append noise."""
    path.write_bytes(path.read_bytes() + rng.randbytes(rng.randrange(1, 200)))


def blank(path: Path, rng: random.Random) -> None:
    """Turn the end to zeros, as a disk without power does."""
    data = path.read_bytes()
    kept = rng.randrange(len(data))
    path.write_bytes(data[:kept] + bytes(len(data) - kept))


def scramble(path: Path, rng: random.Random) -> None:
    """Replace all bytes by noise."""
    path.write_bytes(rng.randbytes(path.stat().st_size))


def remove(path: Path, rng: random.Random) -> None:
    """Remove a file, or a folder."""
    del rng
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def into_folder(path: Path, rng: random.Random) -> None:
    """Put an empty folder in the place of a file."""
    remove(path, rng)
    path.mkdir()


def into_link(path: Path, rng: random.Random) -> None:
    """Put a link to nowhere in the place of a file."""
    remove(path, rng)
    path.symlink_to("nowhere")


def into_json(path: Path, rng: random.Random) -> None:
    """Write JSON that means something else."""
    path.write_text(rng.choice(["{}", "[]", "null", "7", '"text"', "[" * 5000, '{"plan": {"plan": 1e999}}']))


def change_entry(path: Path, rng: random.Random) -> None:
    """Change one value in a JSON object."""
    found = json.loads(path.read_text())
    key = rng.choice(sorted(found))
    found[key] = rng.choice([None, -1, "other", [], {}, 2**70])
    path.write_text(json.dumps(found))


def forget_boot(path: Path, rng: random.Random) -> None:
    """Make a journal one from before the machine went down."""
    from patchplan.journal.header import HEADER
    from patchplan.journal.records import RECORD, sealed

    data = path.read_bytes()
    head = np.frombuffer(data, HEADER, 1).copy()
    head["boot"] = rng.getrandbits(64)
    path.write_bytes(sealed(head.view(RECORD)).tobytes() + data[RECORD.itemsize :])


JOURNAL: dict[str, Damage] = {
    damage.__name__: damage
    for damage in (flip, cut, lengthen, blank, scramble, remove, into_folder, into_link, forget_boot)
}
RUN: dict[str, Damage] = {
    damage.__name__: damage for damage in (flip, cut, blank, scramble, remove, into_folder, into_json, change_entry)
}
CHUNK: dict[str, Damage] = {
    damage.__name__: damage for damage in (flip, cut, lengthen, blank, scramble, remove, into_folder, into_link)
}
