"""What is said while a command works, on stderr: of a cluster, of a lock that is waited for."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from patchplan.cli.render import say


class _Saying(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage(), "note")


@contextmanager
def talking(*, quiet: bool) -> Iterator[None]:
    """Say what the library notes: where a dashboard is, and what is waited for."""
    logger, handler = logging.getLogger("patchplan"), _Saying()
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.CRITICAL if quiet else logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
