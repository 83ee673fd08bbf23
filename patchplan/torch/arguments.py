"""Errors of the floors below, which name options of the command line, as those of a function: one boundary."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from patchplan.errors import ConfigError, ImageError, PlanError

_OPTION = re.compile(r"(^|\bwith )--(channels|epoch|fold|root|split)(?![\w-])(:?)")
"""An option where messages name one that is also an argument: first of all, or as what to do."""


@contextmanager
def as_arguments() -> Iterator[None]:
    """Let errors inside say `fold: found 9` for `--fold: found 9`, and `with root=` for `with --root`."""
    try:
        yield
    except (ConfigError, ImageError, PlanError) as error:
        error.args = (_OPTION.sub(lambda found: f"{found[1]}{found[2]}{found[3] or '='}", str(error)),)
        raise
