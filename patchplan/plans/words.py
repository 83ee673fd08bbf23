"""Words that users write, as types: what options and configs allow. Imports nothing, so that --help is fast."""

from typing import Literal

StrategyName = Literal["fixed", "fixed_random", "random", "sequential", "stratified", "tiled", "whole"]
"""Names of the strategies; a test holds them against the registry."""

SECTIONS = ("regions", "filter", "split", "weights")
"""Sections of a config that choose among the patches of a strategy, in the order in which they do."""

SUBSET_OF = "subset_of"
"""Key of a subset's config: the digest of the plan that its tiles belong to."""

DRAWN_ANEW = ("random", "stratified")
"""Strategies that give other patches in each epoch."""

ObjectType = Literal["tile", "annotation"]
"""What patches become in QuPath: tiles are drawn fast, annotations can be edited."""
