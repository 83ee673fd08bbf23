"""What is wrong with a config, in the user's words: which key, what was found, what is allowed."""

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from patchplan.errors import ConfigError

_SHORT = reprlib.Repr()
_SHORT.maxlevel = 2
_SHORT.maxstring = 60


class Problem(NamedTuple):
    """One thing that is wrong; `key` is empty where it concerns all of the mapping."""

    key: str
    text: str


class ConfigProblemsError(ConfigError):
    """All that is wrong with a config; whoever read it knows where each key stands."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            "\n".join(f"{problem.key}: {problem.text}" if problem.key else problem.text for problem in problems)
        )
        self.problems = tuple(problems)


def unknown_key(key: object, known: Sequence[str], more: str = "") -> Problem:
    """Describe a key that is not among the known ones, naming the nearest."""
    return Problem(str(key), f"unknown key{nearest(key, known)}; allowed: {', '.join(known)}{more}")


def nearest(word: object, known: Iterable[str]) -> str:
    """Return a question after the known word that was perhaps meant, or nothing."""
    if not isinstance(word, str) or len(word) > 100:
        return ""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def found(value: object) -> str:
    """Show a value, in short however large it is."""
    return "nothing" if value is None else _SHORT.repr(value)


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys that a file may have."""
    return [name for name, field in model.model_fields.items() if not field.exclude]


def validated(model: type[BaseModel], values: Mapping[str, Any]) -> Any:
    """Return the model of these values.

    Raises
    ------
    ConfigProblemsError
        With every wrong key, type and value.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        described = (_describe(problem, model, values) for problem in error.errors(include_url=False))
        raise ConfigProblemsError(list(dict.fromkeys(described))) from None


def validated_by_name(models: Mapping[str, type[BaseModel]], values: Any) -> Any:
    """Return the model that `name` chooses, of these values.

    Raises
    ------
    ConfigProblemsError
        With every wrong key, type and value.
    """
    if not isinstance(values, Mapping):
        raise ConfigProblemsError([Problem("", f"found {found(values)}; allowed: a mapping with name and its keys")])
    name = values.get("name")
    if not isinstance(name, str) or name not in models:
        raise ConfigProblemsError(
            [Problem("name", f"found {found(name)}; allowed: {', '.join(models)}{nearest(name, models)}")]
        )
    return validated(models[name], values)


def _describe(problem: Any, model: type[BaseModel], values: Mapping[str, Any]) -> Problem:
    key = str(problem["loc"][0]) if problem["loc"] else ""
    if problem["type"] == "extra_forbidden":
        name = values.get("name")
        return unknown_key(problem["loc"][0], keys_of(model), f" (name: {name})" if name else "")
    if problem["type"] == "missing":
        example = "; such as 256, or 16,128,128 for Z,Y,X" if key == "patch_size" else ""
        return Problem(key, f"missing, but needed{example}")
    if problem["type"] == "value_error":
        text = str(problem["ctx"]["error"])
        first, _, rest = text.partition(": ")  # a rule over several keys begins with the one to change
        return Problem(first, rest) if not key and first in model.model_fields else Problem(key, text)
    return Problem(key, f"found {found(problem['input'])}; {problem['msg'][0].lower()}{problem['msg'][1:]}")
