"""The journal of a run: which pieces of its output are written, kept so that a stopped run can go on.

    header | PIECE | PIECE | SYNCED 3 | PIECE | IMAGE | COMPLETE

A file that only grows, of records of 64 bytes, each with a checksum of its own. A process that is killed loses
nothing that it has handed to the system; a machine that goes down loses what was not on its disk yet, blocks and
records, in any order. So the header says in which boot of the machine the journal was begun: in the same boot all
intact records count, in another one only those that a SYNCED record declares to be on the disk, data and all.
"""

from patchplan.journal.identity import Identity
from patchplan.journal.reading import Found, is_complete, read_journal
from patchplan.journal.recording import CHECKSUMS, OVERWRITE, AnyJournal, Recording, recorded
from patchplan.journal.records import RECORD, Kind, Records, mark, pieces
from patchplan.journal.segments import ObjectJournal
from patchplan.journal.stamps import stamp
from patchplan.journal.writing import Journal

__all__ = [
    "CHECKSUMS",
    "OVERWRITE",
    "RECORD",
    "AnyJournal",
    "Found",
    "Identity",
    "Journal",
    "Kind",
    "ObjectJournal",
    "Recording",
    "Records",
    "is_complete",
    "mark",
    "pieces",
    "read_journal",
    "recorded",
    "stamp",
]
