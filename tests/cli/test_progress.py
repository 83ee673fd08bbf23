"""Bars on a terminal."""

import io
import sys

import rich.progress

from patchplan.cli.progress import progress_bars


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_whose_total_grows_or_shrinks_shows_the_last(monkeypatch):
    """Pyramids of several images are one bar, each with blocks of its own number."""
    bars: list[rich.progress.Progress] = []

    class Seen(rich.progress.Progress):
        def __enter__(self) -> "Seen":
            bars.append(self)
            super().__enter__()
            return self

    monkeypatch.setattr(rich.progress, "Progress", Seen)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bars(quiet=False) as show:
        assert show is not None
        for done, total in ((1, 5), (5, 5), (1, 40), (40, 40), (1, 2)):
            show("blocks of the pyramid", done, total)
            assert (bars[0].tasks[0].completed, bars[0].tasks[0].total) == (done, total)


def test_there_are_no_bars_without_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress_bars(quiet=False) as show:
        assert show is None
