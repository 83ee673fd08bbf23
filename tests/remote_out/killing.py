"""Stitch in a process that is killed when it has noted some boxes.

Usage: python -m tests.remote_out.killing N PLAN TILES URL OPTIONS
"""

import json
import os
import signal
import sys
from typing import Any

import patchplan
from patchplan.journal import segments
from patchplan.stitching import engine


def main(n: str, plan: str, tiles: str, url: str, options: str) -> None:
    left, append = int(n), segments.ObjectJournal.append

    def killing(journal: Any, records: Any) -> None:
        nonlocal left
        append(journal, records)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    setattr(segments.ObjectJournal, "append", killing)  # noqa: B010 - its signature is another
    segments.PUT_SECONDS = segments._PUT_SHARE = 0
    setattr(engine, "choose_box", lambda work, *_: work.renderer.block)  # noqa: B010 - it is of another module
    patchplan.stitch(plan, tiles, url, workers=1, **json.loads(options))


if __name__ == "__main__":
    main(*sys.argv[1:])
