"""From a strategy and the sections of a config to the rows that are planned."""

from collections.abc import Mapping
from typing import Any

from patchplan.errors import ConfigError
from patchplan.plans.config import PlanConfig
from patchplan.plans.draft import Chosen, Draft
from patchplan.sampling.work import Work


def choose(draft: Draft, work: Work, carried: Mapping[str, Any]) -> Chosen:
    """Return what regions, filter, split and weights make of a strategy's patches.

    Parameters
    ----------
    draft : Draft
        The strategy over its images. It is changed, where it is stratified.
    work : Work
        At least one section over the same images, seeds drawn.
    carried : mapping of str to columns
        Of the table that the patches come from, if they do.

    Raises
    ------
    ConfigError
        If sections do not go together or with the strategy, or nothing is left of it.
    ImageError
        If an image, or a mask, label image or map beside it, cannot be read or does not fit.
    """
    if draft.config.name == "stratified":
        from patchplan.sampling.drawn import choose_stratified

        return choose_stratified(draft, work)
    if draft.config.name == "random":
        from patchplan.sampling.drawn import choose_random

        return choose_random(draft, work)
    from patchplan.sampling.listed import choose_listed

    return choose_listed(draft, work, carried)


def check(config: PlanConfig, carried: Mapping[str, Any]) -> None:
    """Raise ConfigError unless the sections fit the strategy, and each other; nothing is read for it."""
    name = config.patching.name
    if name == "random" and config.filter is not None:
        raise ConfigError("filter: random draws other patches each time; allowed: stratified, or fixed_random")
    if name == "random" and config.split is not None and config.split.by == "block":
        raise ConfigError(
            "split: by: block: random draws everywhere in an image; allowed: stratified, fixed_random, or by: image"
        )
    if name == "stratified" and config.weights is not None:
        raise ConfigError("weights: stratified draws evenly; allowed: random or fixed_random")
    if config.weights is not None and name not in ("random", "fixed_random"):
        drawing = {"patches": config.weights.patches is not None, "per": config.weights.per != "epoch"}
        for key in (key for key, given in drawing.items() if given):
            raise ConfigError(
                f"weights: {key}: {name} has patches of its own, which get a column weight; allowed with random or "
                "fixed_random"
            )
    if name == "random" and config.split is not None and config.weights is not None and config.weights.per == "epoch":
        raise ConfigError(
            "weights: per: epoch: leaves it to chance how many patches an image has, so that a split by image cannot "
            "be planned; use per: image"
        )
    for column in ("split", "fold", "weight"):
        section = "split" if column == "fold" else column.replace("weight", "weights")
        if column in carried and getattr(config, section) is not None:
            raise ConfigError(f"{section}: the table has a column {column} already; allowed: one of them")
