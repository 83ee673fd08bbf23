"""Words that users write, as types: what options and configs allow. Imports nothing, so that --help is fast."""

from typing import Literal

StrategyName = Literal["fixed", "fixed_random", "random", "sequential", "stratified", "tiled", "whole"]
"""Names of the strategies; a test holds them against the registry."""
