"""What distributed says on stderr that is of no use to who uses patchplan."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = (
    "distributed",
    "distributed.client",
    "distributed.nanny",
    "distributed.core",
    "distributed.scheduler",
    "distributed.worker",
    "distributed.deploy",
    "distributed.batched",
    "distributed.comm",
    "tornado",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what distributed logs of workers that come and go, and warns of."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger, logger.level) for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"distributed(\..*)?")
            warnings.filterwarnings("ignore", message="Sending large graph")
            yield
    finally:
        for logger, level in before:
            logger.setLevel(level)
