"""Claims of planes and files in a TIFF that tifffile would believe."""

import re
import struct
from typing import Any

import pytest
import tifffile

from tests.faults.hostile import look_at
from tests.faults.tiffs import ome, write_index, write_micromanager, write_stack, write_tiff

CLAIMS: dict[str, tuple[str, str]] = {
    "planes in time": (ome(t=10**9), r"claims 1,000,000,000 planes; allowed are 16,777,216"),
    "planes beyond all numbers": (ome(t=10**30, z=10**9), r"claims more than 10\^30 planes"),
    "planes of one pixel": (ome(x=10**5, y=10**6), r"claims 208,333,333 planes|416,666,666 planes"),
    "negative sizes": (ome(x=-(10**5), y=-(10**6)), r"claims 208,333,333 planes|416,666,666 planes"),
    "planes in a file": (ome('<TiffData IFD="0" PlaneCount="4000000000"/>'), r"claims 4,000,000,000 planes"),
    "many lists of planes": (ome('<TiffData IFD="0" PlaneCount="2"/>' * 50 + '<TiffData IFD="7"/>'), ""),
    "an axis by its steps": (
        ome(
            rest='<A><B ID="X" Namespace="modulo"><C><D><ModuloAlongT Start="0" End="1" Step="1e-12"/></D></C></B></A>'
        ),
        r"claims an axis of 1e\+12 entries; allowed are 1,048,576",
    ),
    "entities of entities": (
        '<!DOCTYPE OME [<!ENTITY a "aaaaaaaaaaaaaaaaaaaa">'
        + "".join(f'<!ENTITY {chr(98 + k)} "{f"&{chr(97 + k)};" * 20}">' for k in range(9))
        + "]><OME>&j;</OME>",
        "",
    ),
    "a file by entity": ('<!DOCTYPE OME [<!ENTITY a SYSTEM "file:///etc/passwd">]><OME>&a;</OME>', ""),
    "elements within elements": ("<a>" * 100_000 + "</a>" * 100_000 + "<OME>", ""),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_claims_of_ome_xml(tmp_path, name):
    text, message = CLAIMS[name]
    found = look_at(write_tiff(tmp_path / "a.ome.tif", text, pages=2))
    assert re.search(message, found), found
    assert bool(found) == bool(message)


def test_claims_of_micromanager(tmp_path):
    assert not look_at(write_stack(tmp_path / "good.tif", {"MajorVersion": 0}, (0, 0, 0, 0, 8)))
    for summary, row in (({"Frames": 2**40}, (0, 0, 0, 0, 8)), ({}, (2**20 - 1, 2**20 - 1, 0, 0, 8))):
        path = write_stack(tmp_path / "a.tif", summary, row)
        with tifffile.TiffFile(path) as tif:
            assert tif.micromanager_metadata is not None
            assert "IndexMap" in tif.micromanager_metadata
        assert "Micro-Manager's summary claims 1,099,511,627,776 planes" in look_at(path)


NDTIFF: dict[str, tuple[list[tuple[dict[str, Any], str]], str]] = {
    "all over space": ([({"time": -(2**31)}, "a.tif"), ({"time": 2**31 - 1}, "a.tif")], r"claims 4,294,967,296 planes"),
    "a file elsewhere": ([({"time": 0}, "../secret.tif")], r"names the file '\.\./secret\.tif' outside of"),
    "a file at the root": ([({"time": 0}, "/etc/passwd")], r"names the file '/etc/passwd' outside of"),
}


@pytest.mark.parametrize("name", NDTIFF)
def test_claims_of_ndtiff(tmp_path, name):
    rows, message = NDTIFF[name]
    path = tmp_path / "a.tif"
    write_micromanager(path, struct.pack("<IIII", 483729, 2, 2355492, 2) + b"{}")
    write_index(tmp_path / "NDTiff.index", rows)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ndtiff
    assert re.search(message, look_at(path))
