"""TIFF files whose metadata say anything."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from tests.faults.hostile import json_bytes

PIXELS = np.arange(24 * 20, dtype="u2").reshape(24, 20)

OME = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{root}><Image ID="Image:0">'
    '<Pixels DimensionOrder="XYZCT" ID="P" SizeX="{x}" SizeY="{y}" SizeZ="{z}" SizeC="{c}" SizeT="{t}" Type="uint16"'
    ' PhysicalSizeX="{size}" PhysicalSizeXUnit="{unit}"><Channel ID="C" SamplesPerPixel="{spp}"/>{data}</Pixels>'
    "</Image>{rest}</OME>"
)
KNOWN = {"root": "", "x": 20, "y": 24, "z": 1, "c": 1, "t": 2, "size": "0.5", "unit": "µm", "spp": 1, "rest": ""}


def write_tiff(path: Path, text: str, pages: int = 1, **how: Any) -> Path:
    """Write pages with a description of any content on the first."""
    with tifffile.TiffWriter(path, **how) as tif:
        for number in range(pages):
            description = text.encode("utf-8", "surrogatepass") if not number else None
            tif.write(PIXELS, description=description, metadata=None, contiguous=False)
    return path


def ome(data: str = '<TiffData IFD="0" PlaneCount="2"/>', **other: Any) -> str:
    """OME-XML of an image of two planes, with other values."""
    return OME.format(data=data, **{**KNOWN, **other})


def write_micromanager(path: Path, head: bytes, tail: bytes = b"") -> Path:
    """Write a page with Micro-Manager's tag, behind `head` and before `tail`."""
    offset, text = 8 + len(head), b'{"a": 1}\0'
    values = {256: 20, 257: 24, 258: 16, 259: 1, 262: 1, 277: 1, 278: 24, 279: PIXELS.nbytes}
    values[273] = offset + 2 + 12 * 10 + 4
    values[51123] = values[273] + PIXELS.nbytes
    ifd = struct.pack("<H", len(values))
    for code, value in sorted(values.items()):
        ifd += struct.pack("<HHII", code, 2 if code == 51123 else 4, len(text) if code == 51123 else 1, value)
    page = ifd + bytes(4) + PIXELS.tobytes() + text
    path.write_bytes(b"II*\0" + struct.pack("<I", offset) + head + page + tail)
    return path


def write_stack(path: Path, summary: dict[str, Any], row: tuple[int, ...]) -> Path:
    """Write a stack of Micro-Manager: where its index is, its summary, and an index of one row."""
    text = json_bytes({"MicroManagerVersion": "2", "Frames": 1, **summary})
    table = struct.pack("<7I", 3453623, 1, *row)
    size = write_micromanager(path, struct.pack("<8I", *range(8)) + text).stat().st_size
    head = struct.pack("<8I", 54773648, size, 483765892, 0, 99384722, 0, 2355492, len(text))
    return write_micromanager(path, head + text, table)


def write_index(path: Path, rows: list[tuple[dict[str, Any], str]]) -> None:
    """Write NDTiff.index, which lists planes by their axes, and the files that they are in."""
    text = b""
    for axes, name in rows:
        key, file = json_bytes(axes), name.encode()
        text += struct.pack("<I", len(key)) + key + struct.pack("<I", len(file)) + file
        text += struct.pack("<IiiiiIii", 8, 20, 24, 1, 0, 0, 0, 0)
    path.write_bytes(text)
