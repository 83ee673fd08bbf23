"""Run the command line, and send this process a signal when its first box is written; run as a program.

Usage: python -m tests.stitching.stopping SIGNAL ARGUMENT...
"""

import os
import signal
import sys

from patchplan.cli import app
from patchplan.stitching import engine

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    number, written = int(sys.argv[1]), engine.do_box

    def stopping(*args):
        filled = written(*args)
        os.kill(os.getpid(), number)
        return filled

    engine.do_box = stopping
    sys.argv = ["patchplan", *sys.argv[2:]]
    app.main()
