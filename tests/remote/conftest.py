"""Images and tiles of every kind on a disk, and the same in a bucket and on the web."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from patchplan.objects import ObjectPath
from tests.remote.making import make_images, make_tiles, put
from tests.remote.web import serving


@pytest.fixture(scope="session")
def images(tmp_path_factory) -> Path:
    """An image of each kind."""
    folder: Path = tmp_path_factory.mktemp("images")
    make_images(folder)
    return folder


@pytest.fixture(scope="session")
def there(images, bucket_of_all) -> ObjectPath:
    """The same images in the bucket."""
    url: ObjectPath = bucket_of_all / "images"
    put(images, url)
    return url


@pytest.fixture(scope="session")
def web(images) -> Iterator[str]:
    """The same images on the web."""
    with serving(images) as url:
        yield url


@pytest.fixture(scope="session")
def tiles(tmp_path_factory, images) -> Path:
    """A plan and its tiles in places of each kind."""
    folder: Path = tmp_path_factory.mktemp("tiles")
    make_tiles(folder, images / "image.npy")
    return folder


@pytest.fixture(scope="session")
def tiles_there(tiles, bucket_of_all) -> ObjectPath:
    """The same in the bucket."""
    url: ObjectPath = bucket_of_all / "tiles"
    put(tiles, url)
    return url
