"""Errors of object stores as those of the system, which all that reads and writes files understands."""

import errno
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")

MAX_TEXT = 300

MAX_FAILURES = 5

_KINDS = {
    "NotFoundError": (errno.ENOENT, "no such object or bucket"),
    "PermissionDeniedError": (
        errno.EACCES,
        "the store denies access: check the credentials (AWS_ACCESS_KEY_ID ...), and the right to list "
        "(s3:ListBucket), without which what is not there is denied, too",
    ),
    "UnauthenticatedError": (errno.EACCES, "the store wants credentials (AWS_ACCESS_KEY_ID ...), or others"),
    "NotSupportedError": (errno.ENOTSUP, "the store cannot do this"),
    "InvalidPathError": (errno.EINVAL, ""),  # says which key
    "PreconditionError": (errno.ESTALE, "has changed since it was opened"),
    "Shorter": (errno.ESTALE, "has changed since it was opened: it is shorter now"),
}

_WORDS = {
    "404 Not Found": "NotFoundError",
    "403 Forbidden": "PermissionDeniedError",
    "416 Range": "Shorter",
    "but object was only": "Shorter",
}
"""What listing, and ranges that are not there, have instead of kinds of errors."""

_OF_THE_WEB = {
    errno.EACCES: "the server denies access",
    errno.ENOTSUP: "the server sends whole files only, no parts of them; download it first",
}


@contextmanager
def as_os_errors(url: str) -> Iterator[None]:
    """Turn what obstore raises inside into OSErrors of the fitting kind, in one line that names the URL."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        if error.errno is None:  # as obstore says that something is not there
            missing = type(error) is FileNotFoundError
            number, text = _KINDS["NotFoundError"] if missing else (errno.EIO, one_line(str(error)))
            raise OSError(number, text, url) from None
        raise OSError(error.errno, error.strerror, url) from None
    except BaseException as error:
        kind = _kind(error)
        # a panic of obstore is no Exception
        if kind != "InvalidPathError" and type(error).__module__.partition(".")[0] not in ("obstore", "pyo3_runtime"):
            raise
        number, text = _KINDS.get(kind, (errno.EIO, ""))
        if url.startswith("http"):
            text = _OF_THE_WEB.get(number, text)
        if kind == "InvalidPathError":
            text = _unusable(str(error))
        raise OSError(number, text or one_line(str(error)), url) from None


def _kind(error: BaseException) -> str:
    """Return the kind of an error; of some things obstore says only in words what they are."""
    said = str(error)
    if isinstance(error, ValueError) and said.startswith("Could not parse path"):
        return "InvalidPathError"
    return next((kind for words, kind in _WORDS.items() if words in said), type(error).__name__)


def _unusable(said: str) -> str:
    """Return that a key cannot be used, and which: obstore lists nothing where there is one such key."""
    found = re.search(r'Path "(.*?)"(?: contained|: Encountered)', said, re.DOTALL)
    key = f"the key {found[1]!r}" if found else "the key of an object here"
    return f"{key} cannot be used: it has an empty part, '.', '..' or a control character; rename or remove that object"


def again(work: Callable[[], Result]) -> Result:
    """Do something that may be done twice, and once more where the answer was cut off: obstore gives up then."""
    failures = 0
    while True:
        try:
            return work()
        except Exception as error:
            failures += 1
            wait_after(error, failures)


def wait_after(error: Exception, failures: int) -> None:
    """Wait before something is done again that failed so many times in a row; raise the error if it is of no use."""
    if type(error).__name__ != "GenericError" or "response body" not in str(error) or failures > MAX_FAILURES:
        raise error
    time.sleep(0.1 * 2**failures)


def refused(error: Exception) -> bool:
    """Tell whether a condition of a write was not met."""
    return type(error).__name__ in ("AlreadyExistsError", "PreconditionError")


def one_line(text: str) -> str:
    """Return what a store says without the request, which may hold a signature, and without pages of XML.

    Examples
    --------
    >>> one_line("Generic S3 error: Error performing GET http://h/b?x=1 in 2ms - Server returned 503: <?xml ...")
    'the store does not answer as it should: Server returned 503'
    """
    first = text.partition("Debug source")[0].partition("<")[0].strip().replace("\n", " ")
    first = re.sub(r"^.*?Error performing \S+ \S+ in \S+( - )?", "", first) or first
    first = re.sub(r"(after \d+ retries), max_retries: \d+, retry_timeout: \S+", r"\1", first)
    first = re.sub(r"\S+://\S+", "URL", first).strip(" :.,-")
    first = re.sub(r"^Generic \S+ error: ", "", first)
    why = re.search(r'message: "([^"]+)"', text)
    if why or "kind: Timeout" in text:
        first += f" ({why[1] if why else 'nothing was heard in time'})"
    return f"the store does not answer as it should: {first[:MAX_TEXT]}"
