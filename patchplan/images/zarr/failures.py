"""Errors of tensorstore, said the way the system and Python say them."""

import errno
import os
import re

_OS_ERROR = re.compile(r"\[(?:OS error |os_error_code=')(\d+|[A-Z]+)[^\]]*\]")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)+)"')
_STATUS = re.compile(r"^[A-Z_]+: ")


def plain_error(error: Exception, folder: str) -> Exception:
    """Return an error of tensorstore in one line that names the chunk, without codes, our path and a spec."""
    text = str(error).split(" [tensorstore_spec")[0].split(" [source locations")[0]
    depth = folder.count("/")
    text = _QUOTED.sub(lambda found: f'"{_key(found.group(1), depth)}"', _STATUS.sub("", text))
    found = _OS_ERROR.search(text)
    if found is not None:
        name = found.group(1)
        number = int(name) if name.isdigit() else getattr(errno, name, None)
        if number is not None:
            key = _QUOTED.search(text)
            where = f"{key.group(1)}: " if key is not None else ""
            return OSError(number, where + os.strerror(number))
    said = " ".join(text.split())
    if "HTTP code 403" in said:
        said += "; servers that nobody may list say so of chunks that were never written, too"
    return type(error)(said)


def _key(path: str, depth: int) -> str:
    """Return a path below our folder, which tensorstore writes with escapes, but as many slashes."""
    is_absolute = path.startswith("/") or path[1:2] == ":"
    return "/".join(path.split("/")[depth:]) or path if is_absolute else path
