"""Objects of a server of S3: put, listed and read as they are there."""

import os
from urllib.request import Request, urlopen

import numpy as np
import pytest

import patchplan
from patchplan.errors import ImageError
from patchplan.images.ranges import Ranges
from patchplan.objects import ObjectPath, listing, location, path


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


def put_odd(bucket: ObjectPath, key: str) -> None:
    """Put an empty object whose key obstore does not know as one."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}/{str(bucket).removeprefix('s3://')}/{key}"
    with urlopen(Request(url, data=b"", method="PUT")):
        pass


@pytest.mark.parametrize("page", [1, 2, 1000])
def test_marks_of_folders_are_not_listed_wherever_a_page_ends(bucket: ObjectPath, monkeypatch, page):
    monkeypatch.setattr(listing, "PAGE", page)
    for mark in ("", "full/", "none/", "none/inner/", "top/"):
        put_odd(bucket, mark)
    for name in ("full/a", "full-b", "real", "top/full/c"):
        (bucket / name).write_bytes(b"" if name == "real" else b"1")
    names = ["full-b", "full/a", "real", "top/full/c"]
    assert [name for name, _ in bucket.listing()] == names
    assert bucket.children()[0] == ["full", "none", "top"]
    assert list(bucket.children()[1]) == ["full-b", "real"]
    assert [(bucket / name).is_dir() for name in ("full", "none", "top")] == [True, False, True]
    bucket.delete_below(lambda name: name in names)
    assert not bucket.is_dir()


@pytest.mark.parametrize(
    ("odd", "shown"), [("sub//x.tif", "sub//x.tif"), ("a%09b.tif", r"a\\tb.tif"), ("./c.tif", r"\./c.tif")]
)
def test_a_key_that_nobody_can_use_is_named(bucket: ObjectPath, odd, shown):
    (bucket / "good.tif").write_bytes(b"1")
    put_odd(bucket, odd)
    told = f"the key '{bucket.key}/{shown}' cannot be used: it has an empty part.*; rename or remove that object"
    with pytest.raises(OSError, match=told) as error:
        list(bucket.listing())
    assert error.value.filename == str(bucket)
    assert "\n" not in str(error.value)
    assert (bucket / "good.tif").read_bytes() == b"1"


def test_a_key_that_cannot_be_is_an_error_of_the_system(bucket: ObjectPath):
    with pytest.raises(OSError, match=r"the key '.*/a\\tb' cannot be used"):
        (bucket / "a\tb").read_bytes()


def test_a_bucket_is_no_single_object(bucket: ObjectPath):
    whole = location("s3://bucket")
    assert isinstance(whole, ObjectPath)
    for work in (whole.stat, whole.read_bytes, lambda: whole.write_bytes(b"1"), lambda: whole.read_range(0, 1)):
        with pytest.raises(FileNotFoundError, match="is a bucket or host, which is no single image or file; name what"):
            work()
    assert not whole.is_file()
    whole.delete()


@pytest.mark.parametrize("size", [20, 9000])
def test_ranges_of_an_object_that_was_replaced_are_an_error(bucket: ObjectPath, size, capfd):
    one = bucket / "one"
    one.write_bytes(bytes(9000))
    etag = one.stat().etag
    assert one.read_ranges([(8000, 9000), (0, 1), (5, 5)], etag=etag) == [bytes(1000), bytes(1), b""]
    one.write_bytes(b"1" * size)
    with pytest.raises(OSError, match="has changed since it was opened"):
        one.read_range(50, 100, etag=etag)
    with pytest.raises(OSError, match="has changed since it was opened"):
        one.read_ranges([(0, 10), (8000, 9000)], etag=etag)
    assert capfd.readouterr().err == ""


def test_ranges_that_are_not_there_any_more_are_an_error_without_tags(bucket: ObjectPath, capfd):
    one = bucket / "one"
    one.write_bytes(bytes(20))
    for spans in ([(10, 50)], [(30, 50)], [(0, 10), (15, 30)], [(0, 5), (100_000, 100_010)]):
        with pytest.raises(OSError, match="has changed since it was opened") as error:
            one.read_ranges(spans)
        assert error.value.filename == str(one)
    assert capfd.readouterr().err == ""


def test_an_array_of_an_object_that_was_replaced_is_an_error(bucket: ObjectPath):
    (bucket / "one").write_bytes(bytes(range(100)))
    array = Ranges(bucket / "one", np.dtype("u1"), 0, (10, 10), (bucket / "one").stat().etag)
    np.testing.assert_array_equal(array[2:4, 5:7], [[25, 26], [35, 36]])
    (bucket / "one").write_bytes(bytes(100))
    with pytest.raises(OSError, match="has changed since it was opened"):
        array[2:4, 5:7]


def test_a_store_that_denies_says_what_it_may_be_about(monkeypatch, answering):
    monkeypatch.setenv("AWS_ENDPOINT_URL", answering(lambda *_: (403, b"<Error><Code>AccessDenied</Code></Error>", {})))
    for url in ("s3://bucket/a.tif", "s3://bucket/folder", "s3://bucket/*.tif"):
        with pytest.raises(ImageError, match=r"denies access: check the credentials .*\(s3:ListBucket\), without"):
            patchplan.inspect_images([url])
