"""The YAML config: reading it, and saying what is wrong with it in the user's words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from patchplan.errors import ConfigError
from patchplan.patching.factory import STRATEGIES, AnyPatchingConfig, parse_config
from patchplan.patching.problems import ConfigProblemsError, Problem, found, keys_of, unknown_key
from patchplan.plans.settings.filters import AnyFilterConfig
from patchplan.plans.settings.regions import RegionsConfig
from patchplan.plans.settings.sections import parse_section
from patchplan.plans.settings.splits import SplitConfig
from patchplan.plans.settings.weights import AnyWeightsConfig
from patchplan.plans.words import SECTIONS

MAX_CONFIG_BYTES = 1 << 16
OVERLAP_KEYS = {"overlaps", "halo", "stride"}
OPTIONS = "options"
Place = tuple[str | int, ...]


class PlanConfig(BaseModel):
    """What to plan: a strategy, what of it to take, and how to read the images."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="patchplan config")

    axes: str | None = Field(
        default=None, description="Axis letters of the images, such as ZYX, where files do not say."
    )
    patching: AnyPatchingConfig
    regions: RegionsConfig | None = Field(default=None, description="Take patches in regions of interest only.")
    filter: AnyFilterConfig | None = Field(default=None, description="Leave out patches of background.")
    split: SplitConfig | None = Field(default=None, description="Split patches into training, validation and test.")
    weights: AnyWeightsConfig | None = Field(default=None, description="Draw patches by labels or a map.")

    @property
    def sections(self) -> dict[str, BaseModel]:
        """The sections that are there, in the order in which they choose."""
        return {key: getattr(self, key) for key in SECTIONS if getattr(self, key) is not None}


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of the config: a mapping with `patching`, or a bare patching mapping."""
    schema = TypeAdapter(PlanConfig | AnyPatchingConfig).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "patchplan config",
        "description": "A mapping with patching (and optionally axes, regions, filter, split, weights), or a bare "
        "patching mapping.",
        **schema,
    }


@dataclass(frozen=True)
class ConfigText:
    """A config as written, before it is checked: values, and where each key stands.

    `source` names the file, `flags` the keys of `patching` that options set; `bare` tells that the file is
    a patching mapping itself.
    """

    values: dict[str, Any]
    source: str = OPTIONS
    lines: Mapping[Place, int] = field(default_factory=dict)
    flags: frozenset[str] = frozenset()
    bare: bool = False

    def overridden(self, axes: str | None, patching: Mapping[str, Any]) -> "ConfigText":
        """Return the config with options put over it; one of overlaps, halo, stride replaces the others."""
        given = {key: value for key, value in patching.items() if value is not None}
        base = self.values.get("patching")
        if base is not None and not isinstance(base, Mapping):
            return self
        base = dict(base or {})
        if given.keys() & OVERLAP_KEYS:
            base = {key: value for key, value in base.items() if key not in OVERLAP_KEYS}
        values = self.values | ({"patching": base | given} if given else {}) | ({"axes": axes} if axes else {})
        return replace(self, values=values, flags=frozenset(given))

    def check(self) -> PlanConfig:
        """Return the checked config.

        Raises
        ------
        ConfigError
            With one line per wrong key: source, line, key, found, allowed.
        """
        problems = [self._line((problem.key,), problem) for problem in self._beside_patching()]
        try:
            patching = parse_config(self.values["patching"]) if "patching" in self.values else None
        except ConfigProblemsError as error:
            problems += [
                self._line(("patching", *([problem.key] if problem.key else [])), problem) for problem in error.problems
            ]
        sections: dict[str, BaseModel] = {}
        for key in SECTIONS:
            if self.values.get(key) is None:
                continue
            try:
                sections[key] = parse_section(key, self.values[key])
            except ConfigProblemsError as error:
                places = [((key, problem.key) if problem.key else (key,), problem) for problem in error.problems]
                problems += [self._line(place, problem) for place, problem in places]
        if problems:
            raise ConfigError("\n".join(problems))
        return PlanConfig.model_validate(self.values | {"patching": patching} | sections)

    def _beside_patching(self) -> Iterator[Problem]:
        """Find what is wrong outside the strategy."""
        known = list(PlanConfig.model_fields)
        of_strategies = {key for config in STRATEGIES.values() for key in keys_of(config)}
        for key in self.values:
            if key not in known:
                hint = "; keys of the strategy stand under patching" if key in of_strategies else ""
                yield unknown_key(key, known, hint)
        axes = self.values.get("axes")
        if axes is not None and not isinstance(axes, str):
            yield Problem("axes", f"found {found(axes)}; allowed: letters, such as ZYX")
        if "patching" not in self.values:
            yield Problem(
                "patching",
                f"no strategy given; allowed: {', '.join(STRATEGIES)}. Use -c CONFIG, or --strategy, "
                "such as --strategy tiled --patch-size 256 --halo 16",
            )

    def _line(self, place: Place, problem: Problem) -> str:
        return f"{self._where(place)}: {problem.text}"

    def _where(self, place: Place) -> str:
        """Name a key as the user wrote it: as an option, or by file and line."""
        of_patching = place[0] == "patching"
        if of_patching and (place[-1] in self.flags or (self.source == OPTIONS and len(place) > 1)):
            return f"--{place[-1]}".replace("_", "-").replace("--name", "--strategy")
        if self.source == OPTIONS:
            return OPTIONS if of_patching or place[0] == "axes" else f"{OPTIONS}: {_dotted(place)}"
        line = next(
            (f", line {self.lines[place[:n]]}" for n in range(len(place), 0, -1) if place[:n] in self.lines),
            "",
        )
        shown = place[1:] if self.bare else place
        return f"{self.source}{line}" + (f": {_dotted(shown)}" if shown else "")


def read_config(path: Path) -> ConfigText:
    """Read a YAML config: a mapping with `patching`, or a bare patching mapping.

    Raises
    ------
    ConfigError
        If the file is missing, too large, no YAML, no mapping, or names a key twice.
    """
    text = _read_text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except Exception as error:  # PyYAML lets IndexError, KeyError and AttributeError of its constructors through
        hint = "; write paths with {stem} or {name} in quotes" if "{stem}" in text or "{name}" in text else ""
        raise ConfigError(f"{path}: no valid YAML: {_one_line(error)}{hint}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: found {found(values)}; allowed: a mapping with patching, or with name and its keys")
    lines = _key_lines(node, path)
    hidden = next((place for place in lines if place[-1] == "fixed_patch_specs"), None)
    if hidden is not None:
        raise ConfigError(f"{path}, line {lines[hidden]}: fixed_patch_specs: unknown key; allowed: table")
    if is_whole(values):
        return ConfigText(values, str(path), lines)
    below = {("patching", *place): line for place, line in lines.items()}
    return ConfigText({"patching": values}, str(path), below, bare=True)


def is_whole(values: Mapping[str, Any]) -> bool:
    """Tell a whole config from a bare patching mapping."""
    return not values or not values.keys().isdisjoint(PlanConfig.model_fields)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_CONFIG_BYTES + 1)
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_CONFIG_BYTES} bytes, so it is no config")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: no valid YAML: it is not UTF-8 text") from None


def _key_lines(document: Any, path: Path) -> dict[Place, int]:
    """Return the line of each key, refusing keys given twice; configs nest two deep, deeper keys do not count."""
    lines: dict[Place, int] = {}
    below: list[tuple[Place, Any]] = [((), document)]
    while below:
        place, node = below.pop()
        if not isinstance(node, yaml.MappingNode) or len(place) > 1:
            continue
        for key, value in node.value:
            here, line = (*place, str(key.value)), key.start_mark.line + 1
            if here in lines:
                raise ConfigError(f"{path}, line {line}: {_dotted(here)} is given twice (first in line {lines[here]})")
            lines[here] = line
            below.append((here, value))
    return lines


def _dotted(place: Place) -> str:
    return ".".join(str(part) for part in place) or "config"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).replace('in "<unicode string>", ', "at ").split())[:300]
