"""The one place where errors of readers, codecs and the system become an `ImageError` naming the file."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from patchplan.errors import ImageError, PatchplanError

# Without any handler Python prints a library's warnings to stderr. A NullHandler silences that and still
# lets a host application, which sets up logging of its own, see them.
for _library in ("tifffile", "imagecodecs", "zarr", "numcodecs"):
    logging.getLogger(_library).addHandler(logging.NullHandler())

TEXT_LIMIT = 160
"""Characters kept of another library's message."""

_SYSTEM_ERRORS: dict[type[BaseException], str] = {
    FileNotFoundError: "no such file",
    PermissionError: "permission denied",
    IsADirectoryError: "is a folder, not a file",
}


_BUGS = frozenset({SyntaxError, IndentationError, NameError, ImportError, ModuleNotFoundError})
"""Of these types exactly (not of their subclasses, which libraries raise) are bugs, which keep their traceback."""

_NO_MODULES = ("<unknown>", "<string>")
"""Where Python finds a SyntaxError in text that a library parsed, such as the header of a .npy file."""


class RefusedError(ImageError):
    """An image we do not read, said without the file's name: the boundary adds it."""


def one_line(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return the text on one line of printable characters, cut to `limit`."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def describe(error: Exception, doing: str, broken: str | None = None) -> str:
    """Return what went wrong, in one line and without the file's name.

    `broken` says in our words what it means that the library for a format gave up; its own words follow.
    """
    for kind, text in _SYSTEM_ERRORS.items():
        if isinstance(error, kind) and not _says_more(error):
            return text
    if isinstance(error, MemoryError):
        return f"{doing}: does not fit in memory"
    if isinstance(error, OSError) and error.strerror:
        return f"{doing}: {one_line(error.strerror)}"
    words = f"{_name(type(error))}: {one_line(str(error))}".removesuffix(": ")
    return f"{broken or doing} ({words})"


def _says_more(error: Exception) -> bool:
    """Return whether an error of the system says more than its number, such as which chunk."""
    return isinstance(error, OSError) and error.errno is not None and error.strerror != os.strerror(error.errno)


def _name(kind: type[Exception]) -> str:
    """Return the name of an error, with its module where several libraries call theirs `error`."""
    return kind.__name__ if kind.__name__ != "error" else f"{kind.__module__}.{kind.__name__}"


@contextmanager
def naming(uri: object, doing: str = "cannot be opened", broken: str | None = None) -> Iterator[None]:
    """Turn whatever is raised inside into a one-line ImageError that names the file.

    Our own errors pass unchanged, except a `RefusedError`, which still lacks the name.
    """
    try:
        yield
    except RefusedError as error:
        raise ImageError(f"{one_line(str(uri), 1000)}: {error}") from error.__cause__
    except PatchplanError:
        raise
    except Exception as error:
        if type(error) in _BUGS and getattr(error, "filename", None) not in _NO_MODULES:
            raise
        raise ImageError(f"{one_line(str(uri), 1000)}: {describe(error, doing, broken)}") from error
