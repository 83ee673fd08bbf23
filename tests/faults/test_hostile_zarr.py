"""Zarr stores of any content: an ImageError or an image, soon and in little memory; nothing in them is run."""

import json
import os
import pickle
import re
import shutil
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.hostile import changed, examples, json_bytes, look_at
from tests.faults.tiffs import PIXELS


def _v3(shape: Any = (32, 24), chunk: Any = (8, 8)) -> dict[str, Any]:
    sharding = {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": [4, 4],
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "zstd", "configuration": {"level": 1, "checksum": False}},
            ],
            "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
            "index_location": "end",
        },
    }
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, sharding],
        "dimension_names": ["y", "x"],
        "attributes": {},
        "storage_transformers": [],
    }


def _v2() -> dict[str, Any]:
    return {
        "zarr_format": 2,
        "shape": [32, 24],
        "chunks": [8, 8],
        "dtype": "<u2",
        "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
        "filters": [{"id": "delta", "dtype": "<u2"}],
        "fill_value": 0,
        "order": "C",
        "dimension_separator": "/",
    }


MULTISCALES: dict[str, Any] = {
    "version": "0.5",
    "multiscales": [
        {
            "axes": [{"name": "y", "type": "space", "unit": "micrometer"}, {"name": "x", "type": "space"}],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.5, 0.5]}]}],
            "coordinateTransformations": [{"type": "scale", "scale": [2, 2]}],
        }
    ],
    "omero": {"channels": [{"color": "FF0000"}]},
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "v3": {"zarr.json": _v3()},
    "v2": {".zarray": _v2(), ".zattrs": {"_ARRAY_DIMENSIONS": ["y", "x"]}},
    "ome": {
        "zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": {"ome": MULTISCALES}},
        "0/zarr.json": _v3(),
    },
    "ome v2": {".zgroup": {"zarr_format": 2}, ".zattrs": MULTISCALES, "0/.zarray": _v2()},
    "plate": {
        "zarr.json": {
            "zarr_format": 3,
            "node_type": "group",
            "attributes": {
                "ome": {"version": "0.5", "plate": {"wells": [{"path": "A/1"}, {"path": "A/2"}], "columns": []}}
            },
        },
        "A/1/zarr.json": {
            "zarr_format": 3,
            "node_type": "group",
            "attributes": {"ome": {"version": "0.5", "well": {"images": [{"path": "0"}]}}},
        },
        "A/1/0/zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": {"ome": MULTISCALES}},
        "A/1/0/0/zarr.json": _v3(),
    },
}
CHUNKS = {"v3": "c/0/0", "v2": "0/0", "ome": "0/c/0/0", "ome v2": "0/0/0", "plate": "A/1/0/0/c/0/0"}


@examples(100)
@given(data=st.data())
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_any_values_in_zarr_documents(tmp_path, kind, data):
    documents = dict(DOCUMENTS[kind])
    name = data.draw(st.sampled_from(sorted(documents)))
    documents[name] = data.draw(changed(documents[name]))
    store = tmp_path / "a.zarr"
    chunk = data.draw(st.sampled_from([None, b"", bytes(128), b"\xff" * 300]))
    for key, document in documents.items():
        (store / key).parent.mkdir(parents=True, exist_ok=True)
        (store / key).write_bytes(json_bytes(document))
    if chunk is not None:
        (store / CHUNKS[kind]).parent.mkdir(parents=True, exist_ok=True)
        (store / CHUNKS[kind]).write_bytes(chunk)
    look_at(store)
    shutil.rmtree(store)


def test_a_named_pipe_as_chunk_does_not_hang(tmp_path):
    zarr.create_array(tmp_path / "a.zarr", data=PIXELS, chunks=(8, 8))
    (tmp_path / "a.zarr" / "c" / "0" / "1").unlink()
    os.mkfifo(tmp_path / "a.zarr" / "c" / "0" / "1")
    assert "is a named pipe" in look_at(tmp_path / "a.zarr")


def test_a_zip_member_of_another_size_than_it_says_is_not_unpacked(tmp_path):
    """Two gigabytes of blanks are a document of two megabytes, which claims one of a hundred bytes."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zarr.json", "w") as member:
        for _ in range(1 << 9):
            member.write(b" " * (1 << 20))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, at + 24, 100)
    path.write_bytes(data)
    assert look_at(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_members_of_codecs_that_swell_without_bound_are_refused(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("zarr.json", json.dumps(_v3()))
    assert re.search(r"member zarr\.json is compressed by method 1\d; allowed are deflate", look_at(tmp_path / "a.zip"))


class Loud:
    """A pickle of it, loaded, makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


PICKLES: dict[str, dict[str, Any]] = {
    "filter": {"filters": [{"id": "pickle"}], "compressor": None},
    "compressor": {"filters": None, "compressor": {"id": "pickle"}},
    "second filter": {"filters": [{"id": "delta", "dtype": "<u2"}, {"id": "pickle"}], "compressor": None},
    "objects": {"filters": [{"id": "pickle"}], "compressor": None, "dtype": "|O"},
}


@pytest.mark.parametrize("name", PICKLES)
def test_no_chunk_is_unpickled(tmp_path, name):
    store, touched = tmp_path / "a.zarr", tmp_path / "touched"
    store.mkdir()
    (store / ".zarray").write_text(
        json.dumps({**_v2(), "chunks": [32, 24], "dimension_separator": ".", **PICKLES[name]})
    )
    (store / "0.0").write_bytes(pickle.dumps(Loud(touched)))
    message = look_at(store)
    assert not touched.exists()
    assert re.search("pickle" if name != "objects" else "pixels of type '|O' are not supported", message)
