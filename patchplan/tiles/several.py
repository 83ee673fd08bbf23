"""Tiles in several places, for example a run and a re-run of what it lacked."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray
from patchplan.tiles.protocol import TileForm, Tiles
from patchplan.tiles.reading import Reading, everywhere


class SeveralTiles(Reading):
    """Several tiles of one plan as one. Of a tile that is in two of them the later one is taken.

    Parameters
    ----------
    members : sequence of Tiles
        At most 127.
    index : range or int array
        Index of each row of the plan.
    later_wins : bool
        Whether that is wanted; else such tiles are duplicates.
    """

    def __init__(self, members: Sequence[Tiles], index: range | IntArray, *, later_wins: bool) -> None:
        self.index = index
        self._members = tuple(members)
        self._which = np.full(len(index), -1, np.int8)
        again = np.zeros(len(index), np.bool_)
        for number, member in enumerate(members):
            again |= member.present & (self._which >= 0)
            self._which[member.present] = number
        self.present: NDArray[np.bool_] = self._which >= 0
        self.duplicates = self._duplicates(np.zeros_like(again) if later_wins else again, later_wins)
        self.unplanned = sum(member.unplanned for member in members)
        self.notes = tuple(note for member in members for note in member.notes)
        self.uris = tuple(uri for member in members for uri in member.uris)
        self.bad = self._bad()
        self.forms = tuple(dict.fromkeys(form for member in members for form in member.forms))
        self.form_of = self._form_of()

    def _duplicates(self, again: NDArray[np.bool_], later_wins: bool) -> IntArray:
        """Return the indices of tiles in two members, and of those twice in the one that is taken."""
        found = [np.asarray(self.index)[again]] if again.any() else []
        for number, member in enumerate(self._members):
            if len(member.duplicates):
                taken = np.asarray(self.index)[self._which == number]
                found.append(member.duplicates[np.isin(member.duplicates, taken) | (not later_wins)])
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def _bad(self) -> list[tuple[int, str]]:
        """Return which of the tiles taken are bad."""
        found: list[tuple[int, str]] = []
        for number, member in enumerate(self._members):
            if member.bad:
                taken = set(np.asarray(self.index)[self._which == number].tolist())
                found += [(index, why) for index, why in member.bad if index in taken]
        return sorted(found)

    def _form_of(self) -> NDArray[np.integer[Any]]:
        if len(self.forms) < 2:
            return everywhere(0, self.n)
        numbers: dict[TileForm, int] = {form: number for number, form in enumerate(self.forms)}
        form_of = np.zeros(self.n, np.int32)
        for number, member in enumerate(self._members):
            taken = self._which == number
            if member.forms and taken.any():
                form_of[taken] = np.array([numbers[form] for form in member.forms])[member.form_of[taken]]
        return form_of

    def try_read(self, positions: IntArray) -> Iterator[NDArray[Any] | str]:
        """Yield each tile; all members that have some read ahead."""
        which = self._which[positions]
        tiles = {number: self._members[number].try_read(positions[which == number]) for number in np.unique(which)}
        for number in which:
            yield next(tiles[number])

    def read_bytes(self) -> int:
        """Return the sum over the members."""
        return sum(member.read_bytes() for member in self._members)

    def close(self) -> None:
        """Let go of all members."""
        for member in self._members:
            member.close()
