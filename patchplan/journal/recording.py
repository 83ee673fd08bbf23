"""A run that can be gone on with: what it is and what it has done, in the partial folder of its output."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np

from patchplan.errors import OutputError
from patchplan.journal.identity import Facts, Identity, check_same, read_identity, write_identity
from patchplan.journal.reading import is_complete, read_journal
from patchplan.journal.records import RECORD, Kind, Records, mark
from patchplan.journal.segments import ObjectJournal
from patchplan.journal.stamps import stamp
from patchplan.journal.writing import Journal
from patchplan.objects import Location, ObjectPath
from patchplan.publish.names import JOURNAL, RUN
from patchplan.publish.protocol import Growth

CheckMore = Callable[[Facts, Facts, Location], None]
"""Compares what the stopped run told beside its facts with what is told now; raises OutputError."""

Usable = Callable[[Records], Records]

AnyJournal = Journal | ObjectJournal

OVERWRITE = "overwrite"
"""In what a run tells beside its facts: whether it may replace an output, so that it need not be said again."""

CHECKSUMS = "checksums"
"""Whether it wants checksums."""

TAG = "tag"
"""Where its output grows."""

REPLACED = "replaced"
"""The stamp of the output that it was to replace."""


@dataclass(frozen=True)
class Recording:
    """A journal that is open, and what an earlier run noted in it.

    `published` tells that the output had its name already when that run was stopped, or the one that finished its
    shares, so that nothing is left to do; `notes` say what a user should know of the journal.
    """

    journal: AnyJournal
    records: Records
    published: bool
    notes: tuple[str, ...]

    def complete(self) -> None:
        """Note that all is done: of a share, or of the output."""
        self.journal.append(mark(Kind.COMPLETE))
        self.journal.sync()  # who reads it may be another machine


def begin_journal(path: Location, run: int, flush: Callable[[], None], records: Records) -> AnyJournal:
    """Begin a journal of a run that goes on with these records, wherever its output grows."""
    if isinstance(path, ObjectPath):
        return ObjectJournal.begin(path, run, flush, records)
    return Journal.begin(path, run, flush, records)


@contextmanager
def recorded(
    growth: Growth,
    identity: Identity,
    advice: str,
    check_more: CheckMore,
    *,
    usable: Usable = lambda records: records,
    part: int | None = None,
) -> Iterator[Recording]:
    """Begin to record a run, or go on with what a stopped one recorded.

    Parameters
    ----------
    growth : Growth
        The output.
    identity : Identity
        What the run is.
    advice : str
        What to tell a user whose run is stopped; what it has done stays then.
    check_more : callable
        Compares what beside the facts must be equal.
    usable : callable, optional
        Returns of the records of the stopped run those that still hold.
    part : int, optional
        Number of a part of the run, for which others, too, record in the same folder.

    Raises
    ------
    OutputError
        If the stopped run was another, or its files are damaged.
    """
    more = settle(growth, identity, check_more, shared=part is not None)
    growth.advice = advice
    growth.has_checksums |= more.get(CHECKSUMS) is True
    name = JOURNAL if part is None else f"{JOURNAL}-{part}"
    path = growth.partial / name
    if part is not None:
        growth.lock(f"lock-{part}")
    records, lost = np.zeros(0, RECORD), 0
    if growth.resumed and path.exists():
        found = read_journal(path, identity.number)
        records, lost = found.entries, found.lost
    if part is None:
        complete = bool((records["kind"] == Kind.COMPLETE).any())
    else:
        complete = is_complete(growth.partial / JOURNAL, identity.number)
    published = complete and growth.has_name()
    if not published:
        if part is None:  # what is written now is not complete yet, whatever an earlier run came to
            records = records[records["kind"] != Kind.COMPLETE]
        records = usable(records)
        if part is None:
            growth.check_free()
    journal = begin_journal(path, identity.number, growth.flush, records)
    try:
        if part is None and not len(records):
            growth.make_way()
        yield Recording(journal, records, published, _told(path, lost))
        growth.keep = True  # all is done: what now goes wrong with its name must not lose it
    except BaseException:
        with suppress(OSError):  # what stopped the run must not be hidden
            growth.keep = journal.keeps_something() or growth.keep
        raise
    finally:
        journal.close()


def _told(path: Location, lost: int) -> tuple[str, ...]:
    if not lost:
        return ()
    return (f"{path}: {lost:,} records could not be read or trusted; what they told of is written again",)


def settle(growth: Growth, identity: Identity, check_more: CheckMore, *, shared: bool) -> Facts:
    """Write what the run is, or compare it with what it was; return what the first run told beside the facts.

    The output grows where the first run began it.
    """
    path, there = growth.partial / RUN, stamp([growth.path])
    named = Identity(identity.facts, {**identity.more, REPLACED: there, TAG: growth.tag})
    if not path.exists() and write_identity(path, named, only_first=shared):
        return named.more
    found = read_identity(path)
    check_same(found.facts, identity.facts, growth.partial)
    check_more(found.more, identity.more, growth.partial)
    growth.tag = _tag(found.more, path)
    # it may replace what it was told to replace, and nothing that came since
    growth.overwrite |= found.more.get(OVERWRITE) is True and found.more.get(REPLACED) == there
    return found.more


def _tag(more: Facts, path: Location) -> str:
    """Return where an output grows; OutputError if that is no name of ours: it becomes part of a path."""
    tag = str(more.get(TAG))
    if not re.fullmatch(r"([0-9a-f]{8})?", tag):
        raise OutputError(f"{path}: found {TAG} {tag!r}; allowed: 8 hexadecimal digits; use --overwrite to begin anew")
    return tag
