"""What is told of a plan's choice: what regions, filter and splits made of the strategy's patches, in lines."""

from collections.abc import Mapping
from typing import Any


def chosen_lines(chosen: Mapping[str, Any] | None, splits: Mapping[str, Any] | None) -> list[str]:
    """Return what a header says in `chosen` and `splits`, a line each; nothing where it says nothing.

    Examples
    --------
    >>> chosen_lines({"regions": {"of": 1024, "kept": 80}}, None)
    ['regions: 80 of 1,024 patches are in them']
    """
    return [*_chosen(chosen or {}), *_splits(splits)]


def _chosen(told: Mapping[str, Any]) -> list[str]:
    lines = []
    if regions := told.get("regions"):
        lines.append(f"regions: {regions['kept']:,} of {regions['of']:,} patches are in them")
    if found := told.get("filter"):
        lines.append(
            f"filter {found['name']}: {found['background']:,} of {found['of']:,} {found['looked_at']} are background"
        )
        kept = ", ".join(f"{n:,} by {limit:.4g}" for limit, n in found["kept_at"])
        lines.append(f"{found['threshold']} would keep {kept}")
    return lines


def _splits(told: Mapping[str, Any] | None) -> list[str]:
    if told is None:
        return []
    lines = []
    for fold in told["folds"]:
        named = "" if fold["fold"] is None else f"fold {fold['fold']}: "
        sizes = ", ".join(f"{name} {n:,}" for name, n in fold["n_patches"].items() if n)
        lost = fold["lost"]
        cost = f"; to keep them apart costs {lost:,} {'patch' if lost == 1 else 'patches'}" if lost > 0 else ""
        lines.append(f"{named}{sizes}{cost}")
    return [*lines, f"split seed {told['seed']}"]
