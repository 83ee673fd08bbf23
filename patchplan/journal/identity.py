"""What a run is: the facts that decide its bytes, written beside what it has done, so that only the same goes on.

Facts are JSON: a mapping from names, mostly of options, to values.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import UUID, uuid5

from patchplan.errors import OutputError
from patchplan.objects import Location, ObjectPath
from patchplan.publish.locks import flush_folder

FORMAT_VERSION = 2

_NAMESPACE = UUID("8e0f6d0a-3a51-5c1e-9d1c-5b2f6a7d4c90")

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Identity:
    """Facts, and what else is told to who goes on: `more` may differ between runs.

    `number` stands for the facts in journals.
    """

    facts: Facts
    more: Facts

    @property
    def uuid(self) -> str:
        """A UUID of the facts."""
        return str(uuid5(_NAMESPACE, _canonical(self.facts).decode()))

    @property
    def number(self) -> int:
        """The first 8 bytes of the facts' SHA-256."""
        return int.from_bytes(hashlib.sha256(_canonical(self.facts)).digest()[:8], "little")


def write_identity(path: Location, identity: Identity, *, only_first: bool = False) -> bool:
    """Write a file at once and for good; with `only_first`, only if nobody else has: tell whether it was written."""
    document = {"version": FORMAT_VERSION, "facts": identity.facts, "more": identity.more}
    body = json.dumps({**document, "sha256": _seal(document)}, indent=1).encode()
    if isinstance(path, ObjectPath):
        return path.write_bytes(body, if_absent=only_first) is not None
    new = path.with_name(f"{path.name}.{token_hex(4)}.new")  # others may do the same at the same time
    with new.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    try:
        if not only_first or not _link(new, path):
            new.replace(path)
    except FileExistsError:
        return False
    finally:
        new.unlink(missing_ok=True)
    flush_folder(path.parent)
    return True


def _link(new: Path, path: Path) -> bool:
    """Give a file a name that is free; FileExistsError if it is not. Some systems cannot, and then nobody else may."""
    try:
        os.link(new, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        return False
    return True


def read_identity(path: Location) -> Identity:
    """Read it back.

    Raises
    ------
    OutputError
        If it is damaged, or of another version.
    """
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            raise OutputError(f"{path}: is no file, and should tell what the run was; use --overwrite to begin anew")
        document = json.loads(path.read_bytes())
        seal = document.pop("sha256")
        version = document["version"]
        if version != FORMAT_VERSION:
            raise OutputError(
                f"{path}: is of version {version}; allowed: {FORMAT_VERSION}; use --overwrite to begin anew"
            )
        if seal != _seal(document):
            raise ValueError
        return Identity(dict(document["facts"]), dict(document["more"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise OutputError(
            f"{path}: is damaged, and nobody can tell what the run was; use --overwrite to begin anew"
        ) from None


def check_same(found: Facts, wanted: Facts, where: Location) -> None:
    """Raise OutputError naming the first fact that differs: `found` are those of the run that was stopped."""
    for name in dict.fromkeys([*wanted, *found]):
        before, now = (_plain(facts.get(name)) for facts in (found, wanted))
        if before != now:
            raise OutputError(
                f"{where}: was begun with {name} {_text(before)}, and now it is {_text(now)}; give the same to go on, "
                "or begin anew: with --overwrite, or with --share by removing this folder"
            )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON gives it back."""
    return json.loads(json.dumps(value))


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _seal(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(document)).hexdigest()
