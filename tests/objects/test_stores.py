"""Objects of a server of S3: put, listed and read as they are there."""

import pytest

from patchplan.objects import ObjectPath, path


@pytest.mark.parametrize("at_once", [1 << 23, 0])
def test_a_file_is_put_where_nothing_is(bucket: ObjectPath, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(path, "AT_ONCE", at_once)
    for name in "ab":
        (tmp_path / name).write_text(name)
    assert (bucket / "x").upload(tmp_path / "a", if_absent=True)
    assert not (bucket / "x").upload(tmp_path / "b", if_absent=True)
    assert (bucket / "x").read_bytes() == b"a"
    assert (bucket / "x").upload(tmp_path / "b")
    assert (bucket / "x").read_bytes() == b"b"
