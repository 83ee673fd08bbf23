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
    "InvalidPathError": (errno.EINVAL, "no name of an object, or one below has no such name (an empty part, a tab)"),
    "PreconditionError": (errno.ESTALE, "has changed since it was looked at"),
}

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
        if error.filename is None and type(error) is FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, _KINDS["NotFoundError"][1], url) from None
        raise
    except BaseException as error:
        # a panic of obstore is no Exception
        if type(error).__module__.partition(".")[0] not in ("obstore", "pyo3_runtime"):
            raise
        number, text = _KINDS.get(_kind(error), (errno.EIO, ""))
        if url.startswith("http"):
            text = _OF_THE_WEB.get(number, text)
        raise OSError(number, text or one_line(str(error)), url) from None


def _kind(error: BaseException) -> str:
    """Return the kind of an error; listing what is not there, or is denied, has none of its own."""
    said = str(error)
    if "404 Not Found" in said:
        return "NotFoundError"
    return "PermissionDeniedError" if "403 Forbidden" in said else type(error).__name__


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
    first += f" ({why[1]})" if why else ""
    return f"the store does not answer as it should: {first[:MAX_TEXT]}"
