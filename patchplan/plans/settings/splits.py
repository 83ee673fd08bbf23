"""The section `split` of a config: how many patches to set aside, and what must not be torn apart."""

import operator
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator

from patchplan.core.shapes import MAX_SIZE, Shape, per_axis
from patchplan.errors import ConfigError
from patchplan.patching.config import Overlaps, Seed, Sizes
from patchplan.patching.problems import found

CELLS = 4
"""Cells per axis that a block has by default."""

MAX_FOLDS = 100
MAX_PATTERN = 500
"""Characters of the expression that names groups."""


def _check_amount(value: Any) -> int | float | None:
    if value is None:
        return None
    if isinstance(value, float) and 0 < value < 1:
        return value
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if not 1 <= number <= MAX_SIZE:
        raise ValueError(f"found {found(value)}; allowed: a whole number from 1, or a fraction between 0 and 1")
    return number


Amount = Annotated[
    int | float | None,
    PlainValidator(_check_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_SIZE},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "null"},
            ]
        }
    ),
]
"""A number of at least 1, or a fraction between 0 and 1."""


def amount(asked: float | None, n: int) -> int:
    """Return a number, or a fraction of `n` (half up, at least 1), as a number; 0 for None.

    Examples
    --------
    >>> amount(7, 50), amount(0.25, 50), amount(0.001, 50), amount(None, 50)
    (7, 13, 1, 0)
    """
    if asked is None:
        return 0
    return max(1, int(asked * n + 0.5)) if isinstance(asked, float) else int(asked)


class SplitConfig(BaseModel):
    """Patches set aside for validation and test; no pixel is shared between splits, context counted in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    validation: Amount = Field(
        default=None,
        description="For validation: a number (from 1) or a fraction (below 1) of the patches; "
        "by image or group, of these.",
    )
    test: Amount = Field(default=None, description="For test: as for validation.")
    k_folds: int | None = Field(
        default=None,
        ge=2,
        le=MAX_FOLDS,
        strict=True,
        description="Instead of validation: so many folds, each of which sets other patches aside for it.",
    )
    by: Literal["block", "image", "group"] = Field(
        default="block", description="What stays together: blocks of cells, whole images, or groups of images."
    )
    group: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_PATTERN,
        description="Regular expression (RE2 syntax) on the file name that tells an image's group: what its first "
        "group in parentheses matched, or all that it matched. Implies by: group.",
    )
    context: Overlaps = Field(
        default=0,
        description="Pixels on every side of a patch, (Z)YX, that the network sees too; whole images never share any.",
    )
    block: Sizes = Field(
        default=CELLS, description="With by: block, cells per axis, (Z)YX, that stay together; a cell is a patch large."
    )
    seed: Seed = Field(default=None, description="Seed of the choice; without one, one is drawn and recorded.")

    @model_validator(mode="before")
    @classmethod
    def _group_implies_by(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("group") is not None and "by" not in values:
            return {**values, "by": "group"}
        return values

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.validation is None and self.test is None and self.k_folds is None:
            raise ValueError("validation: nothing is asked; give validation, test or k_folds")
        if self.validation is not None and self.k_folds is not None:
            raise ValueError("k_folds: found also validation; allowed: one of them, k_folds sets aside 1 / k_folds")
        fractions = [value for value in (self.validation, self.test) if isinstance(value, float)]
        if sum(fractions) >= 1:
            raise ValueError(f"validation: validation and test are {sum(fractions):g} of all; allowed: below 1")
        if (self.by == "group") != (self.group is not None):
            raise ValueError("group: by: group and group: EXPRESSION go together; found one of them")
        if self.group is not None:
            _check_pattern(self.group)
        # the default may be written, as headers of plans do
        if self.by != "block" and {*([self.block] if isinstance(self.block, int) else self.block)} != {CELLS}:
            raise ValueError(f"block: found {found(self.block)} with by: {self.by}; allowed with by: block only")
        return self

    @property
    def ndim(self) -> int | None:
        """Number of entries of the first value that has several."""
        return next((len(value) for value in (self.context, self.block) if isinstance(value, tuple)), None)

    def per_axis(self, ndim: int) -> tuple[Shape, Shape]:
        """Return `context` and `block` per spatial axis.

        Raises
        ------
        ShapeError
            If one has another number of entries than there are axes.
        """
        context = per_axis("context", self.context, ndim, minimum=0)
        return context, per_axis("block", self.block, ndim, minimum=1)

    def of(self, n: int) -> Self:
        """Return the same config with numbers instead of fractions of n."""
        numbers = {name: amount(getattr(self, name), n) or None for name in ("validation", "test")}
        return self.model_copy(update=numbers)

    def resolved(self, ndim: int) -> Self:
        """Return the same config with `context` and `block` given per spatial axis; ShapeError as `per_axis`."""
        context, block = self.per_axis(ndim)
        return self.model_copy(update={"context": context, "block": block})


def _check_pattern(pattern: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern=pattern)
    except pa.ArrowInvalid as error:
        why = str(error).partition(": ")[2]
        raise ValueError(f"group: found {pattern!r}; allowed: a regular expression of RE2 ({why})") from None


def groups_of(names: Sequence[str], pattern: str) -> list[str]:
    r"""Return the group of each file name: what the pattern's first capture group matched, or the whole match.

    The time is linear in the names, whatever the pattern: it is RE2's, without back references and lookaround.

    Raises
    ------
    ConfigError
        If a name does not match, or its group is empty.

    Examples
    --------
    >>> groups_of(["mouse1_a.tif", "mouse1_b.tif", "mouse23_a.tif"], r"mouse(\d+)")
    ['1', '1', '23']
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pa.array([name.encode("utf-8", "replace").decode() for name in names], pa.string())
    matches = pc.match_substring_regex(texts, pattern=pattern).to_pylist()
    try:
        groups = _first_group(texts, f"(?:{pattern})")
    except pa.ArrowInvalid:  # it has no group of its own
        groups = _first_group(texts, f"({pattern})")
    for name, matched, group in zip(names, matches, groups, strict=True):
        if not matched or not group:
            what = "matches nothing in" if not matched else "gives no name to the group of"
            raise ConfigError(f"split: group: {pattern!r} {what} {name!r}; allowed: one that names each image's group")
    return groups


def _first_group(texts: Any, pattern: str) -> list[str]:
    import pyarrow.compute as pc

    whole = rf"(?s:^.*?){pattern}(?s:.*)$"
    groups: list[str] = pc.replace_substring_regex(
        texts, pattern=whole, replacement=r"\1", max_replacements=1
    ).to_pylist()
    return groups
