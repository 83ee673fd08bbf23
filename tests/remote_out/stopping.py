"""Stopping a run that writes to a store: after some boxes, or at any change of the store as if it were killed."""

import threading
from typing import Any
from unittest import mock

import pytest

from patchplan.images.zarr import traffic
from patchplan.objects import ObjectPath


class Stop(BaseException):
    pass


class Writes:
    """Counts what is written to arrays, and stops the run after some."""

    def __init__(self, monkeypatch, most: int | None = None) -> None:
        self.boxes: list[Any] = []
        self._lock = threading.Lock()
        write = traffic._TensorPixels._write

        def counted(pixels: Any, box: Any, block: Any) -> None:
            with self._lock:
                if most is not None and len(self.boxes) >= most:
                    raise Stop
                self.boxes.append((pixels._folder, box))
            write(pixels, box, block)

        monkeypatch.setattr(traffic._TensorPixels, "_write", counted)


def stop(monkeypatch, most: int, work: Any) -> None:
    with monkeypatch.context() as patched:
        Writes(patched, most)
        with pytest.raises(Stop):
            work()


class KilledError(BaseException):
    """As if the process had been killed: whatever else it does to the store fails, too."""


def killed_at(step: int, work: Any) -> bool:
    """Do something that is killed when it changes the store for the n-th time; tell whether it came to that."""
    left = step

    def killing(method: Any) -> Any:
        def do(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError
            return method(*args, **options)

        return do

    names = ("write_bytes", "delete", "delete_below", "upload")
    patches = [mock.patch.object(ObjectPath, name, killing(getattr(ObjectPath, name))) for name in names]
    write = mock.patch.object(traffic._TensorPixels, "_write", killing(traffic._TensorPixels._write))
    with write, patches[0], patches[1], patches[2], patches[3]:
        try:
            work()
        except KilledError:
            return True
    return left < 0
