"""From a config to a strategy."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from patchplan.patching.config import PatchingConfig
from patchplan.patching.fixed import FixedConfig
from patchplan.patching.fixed_random import FixedRandomConfig
from patchplan.patching.problems import validated_by_name
from patchplan.patching.protocol import Patching
from patchplan.patching.random import RandomConfig
from patchplan.patching.sequential import SequentialConfig
from patchplan.patching.stratified import StratifiedConfig
from patchplan.patching.tiled import TiledConfig
from patchplan.patching.whole import WholeConfig

AnyPatchingConfig = Annotated[
    FixedConfig | FixedRandomConfig | RandomConfig | SequentialConfig | StratifiedConfig | TiledConfig | WholeConfig,
    Field(discriminator="name"),
]
"""The config of any registered strategy, told apart by its `name`."""

STRATEGIES: dict[str, type[PatchingConfig]] = {
    config.model_fields["name"].default: config
    for config in (
        FixedConfig,
        FixedRandomConfig,
        RandomConfig,
        SequentialConfig,
        StratifiedConfig,
        TiledConfig,
        WholeConfig,
    )
}
"""All strategies by name."""


def parse_config(values: Any) -> PatchingConfig:
    """Return the checked config of a strategy, from a mapping with `name` and the strategy's keys.

    Raises
    ------
    ConfigProblemsError
        With every wrong key, type and value.
    """
    config: PatchingConfig = validated_by_name(STRATEGIES, values)
    return config


def create_patching(
    data_shapes: Sequence[Sequence[int]], patching_config: PatchingConfig | Mapping[str, Any]
) -> Patching:
    """Build the strategy that a config describes.

    Parameters
    ----------
    data_shapes : sequence of sequence of int
        Shapes of the images, S C (Z) Y X.
    patching_config : PatchingConfig or mapping
        The config as a model or as a plain mapping with `name` and the strategy's keys.

    Raises
    ------
    ShapeError
        If config and shapes do not fit.
    ConfigError
        If a mapping has a wrong key, type or value.

    Examples
    --------
    >>> create_patching([(1, 1, 100, 80)], {"name": "tiled", "patch_size": 64, "overlaps": 16}).n_patches
    4
    """
    if isinstance(patching_config, PatchingConfig):
        return patching_config.create(data_shapes)
    return parse_config(patching_config).create(data_shapes)
