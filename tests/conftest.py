"""Settings of all tests: hypothesis without deadlines, for shared and noisy machines; and one server of S3.

PATCHPLAN_EXAMPLES is how many examples a law is tried with that does not say it itself (50).
"""

import os
from collections.abc import Iterator
from unittest import mock
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from patchplan.objects import ObjectPath
from tests.s3 import serving

EXAMPLES = int(os.environ.get("PATCHPLAN_EXAMPLES", "50"))

settings.register_profile(
    "patchplan", deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patchplan")


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """A server of S3, with one bucket."""
    with serving() as variables, mock.patch.dict(os.environ, variables):
        yield variables["AWS_ENDPOINT_URL"]


@pytest.fixture
def bucket(endpoint) -> ObjectPath:
    """A prefix that no other test uses."""
    return ObjectPath("s3", "bucket", uuid4().hex)


@pytest.fixture(scope="session")
def bucket_of_all(endpoint) -> ObjectPath:
    """A prefix for many examples of one test."""
    return ObjectPath("s3", "bucket", uuid4().hex)
