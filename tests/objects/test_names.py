"""Names of objects: what of a URL becomes bucket and key, and how they are put together."""

import posixpath
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchplan.errors import ConfigError
from patchplan.objects import ObjectPath, is_url, kvstore, location
from patchplan.objects.failures import as_os_errors, one_line

PART = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=8)
KEY = st.lists(PART.filter(lambda part: part not in (".", "..")), min_size=1, max_size=4).map("/".join)
SCHEME = st.sampled_from(["s3", "gs", "http", "https"])


@given(SCHEME, KEY)
def test_a_path_is_what_its_url_says(scheme, key):
    path = ObjectPath(scheme, "bucket", key)
    assert location(str(path)) == path
    assert is_url(str(path))


@given(KEY, KEY)
def test_parts_are_those_of_paths(key, below):
    path, plain = ObjectPath("s3", "bucket", key), PurePosixPath("/", key)
    assert (path.name, path.stem, path.suffix) == (plain.name, plain.stem, plain.suffix)
    assert (path / below).key == str(plain / below)[1:]
    assert [one.key for one in path.parents] == [str(one)[1:] for one in plain.parents]
    assert (path / ".." / below).key == posixpath.normpath(str(plain / ".." / below))[1:]


def test_what_is_no_url_is_a_local_path():
    assert location("C:/slides/a.tif") == Path("C:/slides/a.tif")
    assert location(Path("a")) == Path("a")
    assert str(location("S3://bucket/a/b/")) == "s3://bucket/a/b"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://host/a", "found a URL of ftp://; allowed: s3://, gs://, https://, http://, or a path"),
        ("s3:///a", "s3://: needs a bucket or host"),
        ("https://me:secret@host/a", "https://: needs a bucket or host without a user"),
        ("https://host/a?token=x", r"https://host/: URLs with \? or # are not read"),
        ("https://host?token=x", r"https://host/: URLs with \? or # are not read"),
        ("https://host:99999/a", "found 'host:99999' for the name of a bucket or host; allowed: HOST or HOST:PORT"),
        ("http://[x/a", r"found '\[x' for the name of a bucket or host; allowed: HOST"),
        ("s3://buc ket/a", "found 'buc ket' for the name of a bucket or host; allowed: letters, digits"),
        ("s3://../a", r"found '\.\.' for the name of a bucket or host; allowed: letters, digits"),
        (
            "s3://bucket/img//a.tif",
            r"s3://bucket/img//a\.tif: found an empty part \('//'\); allowed: one / between parts",
        ),
        ("s3://bucket//a.tif", "found an empty part"),
        ("s3://bucket/a//", "found an empty part"),
        ("https://host/a/%2Fb", "found an empty part"),
        ("s3://bucket/a\tb", r"'s3://bucket/a\\tb': found a tab, line break or such in the name"),
    ],
)
def test_other_urls_are_refused(url, problem):
    with pytest.raises(ConfigError, match=problem) as error:
        location(url)
    assert "secret" not in str(error.value)
    assert "token" not in str(error.value)


SETTINGS = {
    "environment": ({"AWS_ACCESS_KEY_ID": "a"}, {"type": "environment"}),
    "public": ({"AWS_SKIP_SIGNATURE": "true", "AWS_ACCESS_KEY_ID": "a"}, {"type": "anonymous"}),
    "profile": ({"AWS_PROFILE": "lab"}, {"type": "profile", "profile": "lab"}),
    "a profile that is not there": ({"AWS_PROFILE": "other"}, {"type": "default"}),
    "nothing": ({}, {"type": "default"}),
}


@pytest.mark.parametrize(("settings", "credentials"), SETTINGS.values(), ids=SETTINGS)
def test_tensorstore_is_set_up_from_the_environment(settings, credentials, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE", "AWS_PROFILE", "AWS_ENDPOINT_URL_S3", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    file.write_text("[lab]\naws_access_key_id = a\naws_secret_access_key = b%\n")
    more = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_ENDPOINT_URL": "http://here:1/", "AWS_DEFAULT_REGION": "x"}
    for name, value in {**settings, **more}.items():
        monkeypatch.setenv(name, value)
    found = kvstore(location("s3://bucket/a.zarr"))
    assert found.pop("aws_credentials") == credentials | (
        {"credentials_file": str(file)} if credentials["type"] == "profile" else {}
    )
    assert found == {
        "driver": "s3",
        "bucket": "bucket",
        "path": "a.zarr/",
        "endpoint": "http://here:1",
        "aws_region": "x",
    }


ENDPOINTS = ["http://", "here:9000", "not a url", "http://[x", "http://a:b", "http://a:99999", "http://a?b", "ftp://a"]


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, "http://me:secret@a"])
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_endpoint_is_a_url(monkeypatch, name, endpoint):
    monkeypatch.setenv(name, endpoint)
    path = location("s3://bucket/a")
    assert isinstance(path, ObjectPath)
    for work in (lambda: path.store, lambda: kvstore(path)):
        with pytest.raises(ConfigError, match=f"^{name}: found '.*'; allowed: a URL such as http://HOST:PORT") as error:
            work()
        assert "secret" not in str(error.value)


def test_other_stores_for_tensorstore():
    assert kvstore(location("gs://bucket/a")) == {"driver": "gcs", "bucket": "bucket", "path": "a/"}
    found = kvstore(location("https://host:1/a%20b"))
    assert found == {"driver": "http", "base_url": "https://host:1", "path": "/a b/"}
    assert kvstore(Path("a")) == {"driver": "file", "path": "a/"}


def test_errors_are_one_line_without_requests_and_pages():
    text = (
        "Generic S3 error: Error performing PUT http://h/b?X-Amz-Signature=1 in 1.2ms - Server returned 503: <?xml\n<"
    )
    assert one_line(text) == "the store does not answer as it should: Server returned 503"


def test_other_errors_are_left_alone():
    with pytest.raises(ZeroDivisionError, match="division"), as_os_errors("s3://b/a"):
        1 / 0  # noqa: B018
    with pytest.raises(PermissionError, match="disk"), as_os_errors("s3://b/a"):
        raise PermissionError(13, "disk", "file")
