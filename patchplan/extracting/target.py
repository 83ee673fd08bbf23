"""Where patches go: what an output's name says, and what must not be harmed."""

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from patchplan.errors import ConfigError, OutputError, ShapeError
from patchplan.extracting.content import Content
from patchplan.extracting.result import Kind
from patchplan.extracting.words import FileFormat
from patchplan.images.paths import is_zarr_folder
from patchplan.publish import check_folder, check_free, published, published_folder
from patchplan.tiles.writing.array import ArrayWriter
from patchplan.tiles.writing.folder import FolderWriter, folder_files
from patchplan.tiles.writing.stack import StackWriter, create_empty_stack, stack_files
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

    path: Path
    kind: Kind
    format: Literal["zarr", "npy", "tif"]

    @classmethod
    def of(cls, output: Path, file_format: FileFormat | None) -> "Target":
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

    def check_free(self, inputs: Iterable[Path], *, overwrite: bool) -> None:
        """Raise OutputError unless the name is free and harms no input."""
        if self.kind == "array":
            check_free(self.path, overwrite=overwrite)
        else:
            check_folder(self.path, overwrite=overwrite, ours=self._ours)
        here = self.path.resolve()
        for given in inputs:
            there = given.resolve()
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

    @contextmanager
    def writer(self, content: Content, *, threads: int, overwrite: bool) -> Iterator[TileWriter]:
        """Yield a writer of what takes its place when the block ends well."""
        writer: TileWriter
        if self.kind == "array":
            with published([self.path], overwrite=overwrite) as partials:
                writer = ArrayWriter(partials[0], content.n, content.only_form)
                with closing(writer):
                    yield writer
            return
        with published_folder(self.path, overwrite=overwrite, ours=self._ours) as folder:
            if self.kind == "folder":
                writer = FolderWriter(folder, content.largest_index, self.format)
            else:
                about, rows = _about(content), content.batch_rows
                writer = StackWriter(folder, content.n, content.only_form, rows=rows, threads=threads, **about)
            with closing(writer):
                yield writer

    def create_empty(self, content: Content, *, overwrite: bool) -> None:
        """Create a stack without rows."""
        with published_folder(self.path, overwrite=overwrite, ours=self._ours) as folder:
            create_empty_stack(folder, content.n, content.only_form, **_about(content))

    def _ours(self, name: str) -> bool:
        return stack_files(name) if self.kind == "stack" else folder_files(name)


def _about(content: Content) -> dict[str, Any]:
    return {"digest": content.rows.plan.digest, "epoch": content.rows.epoch}
