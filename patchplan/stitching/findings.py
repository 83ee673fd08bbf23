"""What an audit found, as an error."""

from collections.abc import Sequence

import numpy as np

from patchplan.errors import AuditError
from patchplan.stitching.audit import Audit

SHOWN = 10


def check_audit(audit: Audit, *, allow_missing: bool) -> None:
    """Raise AuditError unless all tiles are there (or may be missing), once each, and fit."""
    missing = np.empty(0, np.int64) if allow_missing else audit.missing
    problems = [
        f"{n:,} of {audit.n_planned:,} tiles {what}: {some(indices)}"
        for n, what, indices in (
            (len(missing), "are missing", missing.tolist()),
            (len(audit.duplicate), "are there more than once", audit.duplicate.tolist()),
            (len(audit.bad_index), "do not fit or cannot be read", audit.bad_index.tolist()),
        )
        if n
    ]
    problems += [f"tile {index}: {why}" for index, why in audit.bad[:SHOWN]]
    if problems:
        raise AuditError("\n".join(problems), audit.missing.tolist(), audit.duplicate.tolist(), audit.bad)


def some(indices: Sequence[int]) -> str:
    """Return the first of many indices as text."""
    more = f" and {len(indices) - SHOWN:,} more" if len(indices) > SHOWN else ""
    return ", ".join(map(str, indices[:SHOWN])) + more
