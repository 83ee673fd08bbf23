"""Clusters for tests: worker processes on this machine, of a thread each."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

distributed = pytest.importorskip("distributed")


@contextmanager
def serving(folder: Path, n_workers: int = 2) -> Iterator[Any]:
    """Yield a client of some worker processes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                local_directory=folder,
                silence_logs=logging.CRITICAL,
                memory_limit=0,
            ) as cluster,
            distributed.Client(cluster, set_as_default=False) as client,
        ):
            yield client
