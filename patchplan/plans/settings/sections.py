"""The sections of a config that choose among a strategy's patches: how they are parsed, and what files they name."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from patchplan.patching.problems import ConfigProblemsError, Problem, found, validated, validated_by_name
from patchplan.plans.settings.filters import AnyFilterConfig
from patchplan.plans.settings.regions import RegionsConfig
from patchplan.plans.settings.splits import SplitConfig
from patchplan.plans.settings.weights import AnyWeightsConfig

UNIONS: dict[str, Any] = {"filter": AnyFilterConfig, "weights": AnyWeightsConfig}
MODELS: dict[str, type[BaseModel]] = {"regions": RegionsConfig, "split": SplitConfig}

PATHS = ("masks", "labels", "map", "geojson", "mask")
"""Keys of sections that name files: one path, several, or by the image's file name."""


def _by_name(union: Any) -> dict[str, type[BaseModel]]:
    """Return the models of a union told apart by `name`."""
    models = get_args(get_args(union)[0])
    return {model.model_fields["name"].default: model for model in models}


def parse_section(key: str, values: Any) -> BaseModel:
    """Return the checked section `regions`, `filter`, `split` or `weights` of a config.

    Raises
    ------
    ConfigProblemsError
        With every wrong key, type and value.
    """
    if not isinstance(values, Mapping):
        raise ConfigProblemsError([Problem("", f"found {found(values)}; allowed: a mapping")])
    if key in UNIONS:
        section: BaseModel = validated_by_name(_by_name(UNIONS[key]), values)
    else:
        section = validated(MODELS[key], values)
    return section


def with_paths(section: Mapping[str, Any], changed: Callable[[str], str]) -> dict[str, Any]:
    """Return a section with the paths that it names changed."""

    def every(value: Any) -> Any:
        if isinstance(value, str):
            return changed(value)
        if isinstance(value, Mapping):
            return {name: changed(path) for name, path in value.items()}
        return [changed(path) for path in value]

    return {key: every(value) if key in PATHS and value is not None else value for key, value in section.items()}
