"""Where patches go: what an output's name says, and what must not be harmed."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from patchplan.errors import ConfigError, OutputError, ShapeError
from patchplan.extracting.content import Content
from patchplan.extracting.result import Kind
from patchplan.extracting.words import FileFormat
from patchplan.images.paths import is_zarr_folder
from patchplan.objects import Location
from patchplan.publish import Growth, check_folder, check_free, growing, resolved
from patchplan.tiles.writing.array import ArrayWriter, is_begun
from patchplan.tiles.writing.folder import FolderWriter, folder_files
from patchplan.tiles.writing.stack import StackWriter, create_empty_stack, is_stack_of, stack_files
from patchplan.tiles.writing.writer import TileWriter

DTYPES = frozenset(
    np.dtype(code).name for code in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
)
"""What Zarr and TIFF can hold."""


SUFFIXES = frozenset((".tif", ".tiff", ".png", ".jpg", ".jpeg", ".zip", ".csv", ".json", ".parquet", ".yaml", ".h5"))
"""Of files that nobody wants as the name of a folder."""


@dataclass(frozen=True)
class Target:
    """An output and its kind."""

    path: Location
    kind: Kind
    format: Literal["zarr", "npy", "tif"]

    @classmethod
    def of(cls, output: Location, file_format: FileFormat | None) -> "Target":
        """Read the kind from the suffix; ConfigError for a file format where there is no folder."""
        suffix = output.suffix.lower()
        if suffix in SUFFIXES:
            raise OutputError(
                f"{output}: found suffix {output.suffix}; allowed: .zarr (a stack), .npy (an array), or the name of a "
                "folder, with --format npy or tif"
            )
        if suffix not in (".zarr", ".npy"):
            return cls(output, "folder", file_format or "npy")
        if file_format is not None:
            raise ConfigError(f"--format {file_format}: allowed for a folder; {output} is none, by its suffix")
        return cls(output, "stack", "zarr") if suffix == ".zarr" else cls(output, "array", "npy")

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.kind != "array"

    def check_free(self, *, overwrite: bool) -> None:
        """Raise OutputError unless the name is free."""
        if self.is_folder:
            check_folder(self.path, overwrite=overwrite, ours=self._ours)
        else:
            check_free(self.path, overwrite=overwrite)

    def check_harmless(self, inputs: Iterable[Location]) -> None:
        """Raise OutputError if an input would be lost."""
        here = resolved(self.path)
        for given in inputs:
            there = resolved(given)
            if here == there or here in there.parents:
                raise OutputError(f"{self.path}: {given} is read for this and would be lost; give another name")
        store = next((parent for parent in here.parents if is_zarr_folder(parent)), None)
        if store is not None:
            raise OutputError(f"{self.path}: lies inside the Zarr store {store}; give another name")

    def check_forms(self, content: Content) -> None:
        """Raise ShapeError unless this kind of output can hold these patches."""
        forms = list(content.forms.items())
        unknown = [form.dtype.name for form, _ in forms if form.dtype.name not in DTYPES]
        if unknown and self.format != "npy":
            raise ShapeError(f"{self.path}: {self.format} cannot hold {unknown[0]}; extract .npy instead")
        if len(forms) == 1 or self.kind == "folder":
            return
        axes = "C Z Y X" if len(forms[0][0].shape) == 4 else "C Y X"
        (one, first), (other, second) = forms[:2]
        raise ShapeError(
            f"{self.path}: patches differ: found {axes} {one} in {content.name(first)}, {other} in "
            f"{content.name(second)}; allowed in one stack or .npy: one size, number of channels and dtype. "
            "Extract into a folder instead: -o DIR"
        )

    def growing(self, *, overwrite: bool, resume: bool = False) -> AbstractContextManager[Growth]:
        """Grow what takes its place when the block ends well."""
        return growing(
            self.path,
            folder=self.is_folder,
            overwrite=overwrite,
            ours=self._ours,
            resume=resume,
            zarr=self.kind == "stack",
        )

    def writer(self, place: Location, content: Content, uuid: str, threads: int) -> TileWriter:
        """Begin to write where the output grows, or go on with what is there; `uuid` is of plan and options."""
        if isinstance(place, Path):
            if self.kind == "array":
                return ArrayWriter(place, content.n, content.only_form)
            place.mkdir(exist_ok=True)
            if self.kind == "folder":
                return FolderWriter(place, content.largest_index, self.format)
        rows = content.batch_rows
        return StackWriter(
            place, content.n, content.only_form, rows=rows, uuid=uuid, threads=threads, **_about(content)
        )

    def is_begun(self, place: Location, content: Content) -> bool:
        """Tell whether what a stopped run noted can be there still, where no file tells of it."""
        return self.kind != "array" or not isinstance(place, Path) or is_begun(place, content.n, content.only_form)

    def is_complete(self, content: Content, uuid: str) -> bool:
        """Tell whether a stack stands under the name that plan and options give; other kinds do not tell."""
        if self.kind != "stack" or not self.path.is_dir():
            return False
        rows = content.batch_rows
        return is_stack_of(self.path, content.n, content.only_form, rows=rows, uuid=uuid, **_about(content))

    def create_empty(self, content: Content, *, overwrite: bool) -> None:
        """Create a stack without rows."""
        with self.growing(overwrite=overwrite) as growth:
            growth.make_way()
            create_empty_stack(growth.place, content.n, content.only_form, **_about(content))

    def _ours(self, name: str) -> bool:
        return stack_files(name) if self.kind == "stack" else folder_files(name)


def _about(content: Content) -> dict[str, Any]:
    return {"digest": content.rows.plan.digest, "epoch": content.rows.epoch}
