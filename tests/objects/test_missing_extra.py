"""What is said where obstore is not installed."""

import sys

import pytest

import patchplan
from patchplan.errors import MissingExtraError


def test_a_url_without_obstore_names_the_line_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(MissingExtraError, match=r"s3://not-opened-before: .*pip install 'patchplan\[remote\]'"):
        patchplan.open_image("s3://not-opened-before/a.tif")
