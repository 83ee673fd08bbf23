"""One cluster for all tests of a file."""

import pytest

from tests.cluster.serving import serving


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of two worker processes."""
    with serving(tmp_path_factory.mktemp("workers")) as found:
        yield found
