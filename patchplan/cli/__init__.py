"""The command line: one command per file. Parse, call one function of `api`, render."""

from patchplan.cli.app import main

__all__ = ["main"]
