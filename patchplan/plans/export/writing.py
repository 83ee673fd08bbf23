"""Files of features: one file for one image, or a folder with a file per image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from patchplan.plans.export.geojson import BETWEEN, HEAD, TAIL


@dataclass
class Written:
    """Features and bytes of one file."""

    n: int = 0
    bytes: int = 0


class GeoJsonFiles:
    """Writes features as they come, image by image in any order; `place` None counts and writes nothing.

    No file is held open between two writes: a plan may have more images than a process may have files.
    """

    def __init__(self, place: Path | None, names: list[str]) -> None:
        """Take a file for one image, or the folder in which each has its name."""
        self.names = names
        self.written: dict[int, Written] = {}
        self._place = place
        self._in_folder = place is not None and place.is_dir()

    def write(self, data_idx: int, text: Sequence[memoryview], n: int) -> None:
        """Add features in pieces, each feature after `BETWEEN`, to the file of an image."""
        if data_idx not in self.written:
            self._make(data_idx)
            text = [memoryview(HEAD + b"\n"), text[0][len(BETWEEN) :], *text[1:]]
        self._add(data_idx, text)
        self.written[data_idx].n += n

    def finish(self) -> None:
        """Close all collections."""
        for data_idx in self.written:
            self._add(data_idx, [memoryview(TAIL)])

    def _make(self, data_idx: int) -> None:
        self.written[data_idx] = Written()
        if self._in_folder:
            self._path(data_idx).parent.mkdir(parents=True, exist_ok=True)

    def _path(self, data_idx: int) -> Path:
        assert self._place is not None  # noqa: S101 - there is nothing to write otherwise
        return self._place / self.names[data_idx] if self._in_folder else self._place

    def _add(self, data_idx: int, text: Sequence[memoryview]) -> None:
        self.written[data_idx].bytes += sum(map(len, text))
        if self._place is not None:
            with self._path(data_idx).open("ab") as file:
                file.writelines(text)
