"""Which rows an epoch of a plan has: those that are written, or drawn anew as `plan --epochs` would have."""

from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from patchplan.core.seeds import epoch_seed
from patchplan.errors import PlanError
from patchplan.patching.factory import parse_config
from patchplan.plans.parts import SPLITS
from patchplan.plans.plan import BATCH_ROWS, Plan
from patchplan.plans.tables.columns import split_rows, to_specs
from patchplan.plans.words import DRAWN_ANEW, SECTIONS
from patchplan.torch.rows import FollowingRows, HeldRows, Rows


class Epoch(NamedTuple):
    """An epoch of a plan; where the plan has the same rows in all, number 0."""

    number: int
    drawn: bool


def epoch_of(plan: Plan, number: int, split: str | None) -> Epoch:
    """Return which rows an epoch has, without reading any.

    Raises
    ------
    PlanError
        If they are neither written nor can be drawn.
    """
    header = plan.header
    written = header.epochs or 1
    if number >= written and split in SPLITS[1:] and _same_set_aside(plan):
        return Epoch(0, drawn=False)
    patching = header.config["patching"]
    if patching["name"] not in DRAWN_ANEW:
        return Epoch(number if "epoch" in plan.schema.names else 0, drawn=False)
    if number < written:
        return Epoch(number, drawn=False)
    used = [section for section in SECTIONS if header.config.get(section) is not None]
    if not used and patching.get("seed") is not None:
        return Epoch(number, drawn=True)
    why = f"its config has {', '.join(used)}" if used else "it has no seed"
    there = "epoch 0 only" if written == 1 else f"epochs 0 to {written - 1}"
    raise PlanError(
        f"epoch: found {number}; {plan.path} has {there}, and others cannot be drawn anew: {why}. "
        "Write as many as you train for, with patchplan plan ... --epochs N"
    )


def _same_set_aside(plan: Plan) -> bool:
    """Return whether validation and test have the same patches in all epochs: not those of tables by hand."""
    by_hand = plan.header.epochs is None and "epoch" in plan.schema.names
    return plan.header.splits is not None and not by_hand


def load(plan: Plan, epoch: Epoch, split: str | None, fold: int | None) -> Rows:
    """Return the rows of an epoch, or those of a split and a fold.

    Raises
    ------
    PlanError
        If there are none such, or a row is damaged.
    """
    if split is None and fold is None:
        if epoch.drawn:
            return _draw(plan, epoch.number)
        if not plan.header.rows:
            return FollowingRows(plan.patching, len(plan.images))
    rows = plan.epoch(0 if epoch.drawn else epoch.number, split=split, fold=fold)
    tables = chain([rows.table(0, 0)], rows.tables(BATCH_ROWS))
    return HeldRows((table.column("index").to_numpy(), to_specs(table)) for table in tables)


def load_weights(plan: Plan, epoch: Epoch, split: str | None, fold: int | None) -> NDArray[np.float64]:
    """Return the weight of each row, (n,).

    Raises
    ------
    PlanError
        If the plan has none, one is negative or no number, or all are 0.
    """
    if "weight" not in plan.schema.names or epoch.drawn:
        raise PlanError(
            f"{plan.path}: has no column weight; plan with weights: in the config, or give a table with one"
        )
    rows = plan.epoch(epoch.number, split=split, fold=fold)
    found = np.concatenate([np.empty(0), *(table.column("weight").to_numpy() for table in rows.tables(BATCH_ROWS))])
    wrong = ~(np.isfinite(found) & (found >= 0))
    if wrong.any():
        raise PlanError(f"{plan.path}: column weight has {found[wrong][0]}; allowed are numbers from 0")
    if not found.any():
        raise PlanError(f"{plan.path}: all weights are 0, so that no patch can be drawn")
    return found


def _draw(plan: Plan, number: int) -> HeldRows:
    """Draw an epoch that was not written, as `Draft.strategy` would have."""
    config = parse_config(plan.header.config["patching"])
    seed = epoch_seed(plan.header.config["patching"]["seed"], number)
    patching = config.model_copy(update={"seed": seed}).create(plan.data_shapes)
    pieces = split_rows(0, patching.n_patches, BATCH_ROWS)
    return HeldRows((np.arange(start, stop), patching.get_patch_specs(start, stop)) for start, stop in pieces)
