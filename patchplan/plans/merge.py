"""Several plans as one: parts of one plan under their indices, others renumbered."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from patchplan.errors import PlanError
from patchplan.objects import Location
from patchplan.plans.convert import write_tables
from patchplan.plans.convert_paths import led
from patchplan.plans.header import Header
from patchplan.plans.merge_images import known_as
from patchplan.plans.merge_others import SOURCE, Merged
from patchplan.plans.merge_same import Joined
from patchplan.plans.plan import Plan
from patchplan.plans.subset import Tally
from patchplan.plans.subset_whole import Whole, whole_of
from patchplan.plans.write import Progress


@dataclass(frozen=True)
class Merge:
    """What was merged.

    `whole` tells whether parts made up the plan that they are of, and `renumbered` whether the plans are no parts
    of one; `n_repeated` rows were there in several parts.
    """

    header: Header
    whole: bool = False
    renumbered: bool = False
    n_repeated: int = 0


def write_merge(
    plans: Sequence[Plan],
    path: Location | None,
    *,
    allow_duplicates: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Merge:
    """Write plans as one; without a path, say what it would be.

    Rows are read twice, in bounded memory; but for parts of a plan whose rows are in no order: these are sorted.

    Raises
    ------
    PlanError
        If they cannot be one plan, or rows are there twice.
    OutputError
        If the file exists already or cannot be written.
    """
    _check_alike(plans)
    folder = Path() if path is None else path.parent
    whole = _whole(plans, folder)
    if whole is None:
        merged = Merged(plans, folder)
        if path is not None:
            write_tables(path, merged.header, merged.schema, merged.tables(), overwrite, progress)
        return Merge(merged.header, renumbered=True)
    joined = Joined(plans, whole.order)
    tally = Tally(whole.header)
    for table in joined.tables():
        tally.add(table)
    if not allow_duplicates:
        joined.check()
    n_repeated = joined.n_repeated
    restored = whole.order is not None and tally.n_rows == whole.header.n_rows
    header = whole.header if restored else whole.part(tally.n_patches, tally.epochs)
    if path is not None:
        tables = joined.tables() if header.rows else ()
        write_tables(path, header, plans[0].schema, tables, overwrite, progress)
    return Merge(header, whole=restored, n_repeated=n_repeated)


def _whole(plans: Sequence[Plan], folder: Location) -> Whole | None:
    """Return the plan that all are parts of, with paths from a folder; None where there is no such one.

    Raises
    ------
    PlanError
        If some are of one plan, and others not.
    """
    keys = [(plan.digest, tuple(known_as(plan))) for plan in plans]
    found = dict(zip(reversed(keys), reversed(plans), strict=True))
    if len(found) == len(plans) > 1:
        return None
    wholes = [whole_of(plan).moved(led(plan.root, folder)) for plan in plans]
    if len(found) == 1 and all(one.recorded() == wholes[0].recorded() for one in wholes):
        return wholes[0]
    again = next(i for i, key in enumerate(keys) if found[key] is not plans[i])
    one, other = found[keys[again]].path, plans[again].path
    if len(found) == 1:
        raise PlanError(f"{one} and {other} plan the same patches, but chosen in other ways; merge parts of one plan")
    raise PlanError(f"{one} and {other} are of one plan, and others are not: merge these two first, or leave one out")


def _check_alike(plans: Sequence[Plan]) -> None:
    """Raise PlanError unless plans have the same columns."""
    for first, plan in pairwise(plans):
        for word, a, b in (
            ("{}-D", first.header.ndim, plan.header.ndim),
            ("{}", *("tiles" if one.header.tiles else "patches" for one in (first, plan))),
        ):
            if a != b:
                found = f"{first.path} is of {word.format(a)}, {plan.path} of {word.format(b)}"
                raise PlanError(f"{found}; plans to merge must have the same")
        mine, other = (set(one.schema.names) - {SOURCE} for one in (first, plan))
        if mine != other:
            name = min(mine ^ other)
            has, lacks = (first, plan) if name in mine else (plan, first)
            raise PlanError(f"{has.path} has a column {name}, {lacks.path} has none; plans to merge must have the same")
