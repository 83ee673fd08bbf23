"""What distributed says on stderr that is of no use to who uses patchplan."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock

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


_lock = Lock()
_users = 0
_silence = ExitStack()


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what distributed logs of workers that come and go, and warns of; several threads may ask for it."""
    global _users  # noqa: PLW0603 - levels and filters are the process's
    with _lock:
        if not _users:
            _silence.enter_context(_silent())
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if not _users:
                _silence.close()


@contextmanager
def _silent() -> Iterator[None]:
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
