"""From blended values to those that are written: over channels, then to the dtype asked for."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.errors import ConfigError

Values = NDArray[Any]
REDUCTIONS = "argmax, channel:K, threshold:T, softmax, sigmoid"


@dataclass(frozen=True)
class Reduction:
    """What is made of the channels of each pixel, blocks being C (Z) Y X.

    `number` is K of `channel:K` or T of `threshold:T`.
    """

    name: str
    text: str
    number: float = 0

    @property
    def drops_channels(self) -> bool:
        """Whether one value is left per pixel."""
        return self.name in ("argmax", "channel")

    @property
    def gives_labels(self) -> bool:
        """Whether the values name classes, which must not be averaged."""
        return self.name in ("argmax", "threshold")

    def dtype(self, dtype: np.dtype[Any], n_channels: int) -> np.dtype[Any]:
        """Return the dtype that comes of tiles of another."""
        if self.name == "argmax":
            return np.min_scalar_type(max(0, n_channels - 1))
        if self.name == "threshold":
            return np.dtype(np.uint8)
        if self.name == "channel" or dtype.kind == "f":
            return dtype
        return np.dtype(np.float64 if dtype.itemsize > 2 else np.float32)

    def check(self, dtype: np.dtype[Any], n_channels: int) -> None:
        """Raise ConfigError unless tiles of this dtype and number of channels can be reduced so."""
        if dtype.kind == "c" and self.name != "channel":
            raise ConfigError(f"--reduce {self.text}: tiles are {dtype}; allowed are real numbers")
        if self.name == "channel" and not 0 <= self.number < n_channels:
            raise ConfigError(f"--reduce {self.text}: tiles have channels 0 to {n_channels - 1}")
        if self.name in ("argmax", "softmax") and n_channels < 2:
            raise ConfigError(f"--reduce {self.text}: tiles have 1 channel; allowed are 2 and more")

    def __call__(self, block: Values) -> Values:
        """Return C (Z) Y X with one channel or as many as before; computed in float32 or wider."""
        return _APPLY[self.name](block, self.number)


def parse_reduction(text: str) -> Reduction:
    """Read `argmax`, `channel:K`, `threshold:T`, `softmax` or `sigmoid`.

    Raises
    ------
    ConfigError
        For any other text.
    """
    name, _, number = str(text).partition(":")
    wanted = {"argmax": "", "softmax": "", "sigmoid": "", "channel": r"\d{1,9}", "threshold": r"[-+.\deE]+"}
    if name not in wanted or not re.fullmatch(wanted[name], number):
        raise ConfigError(f"--reduce: found {text!r}; allowed: {REDUCTIONS}")
    try:
        return Reduction(name, text, float(number) if name == "threshold" else int(number or 0))
    except ValueError:
        raise ConfigError(f"--reduce: found {text!r}; allowed: {REDUCTIONS}") from None


def _wide(block: Values) -> Values:
    """Return values in a floating type that holds them: float32 up to 16 bits, else float64."""
    if block.dtype.kind == "f" and block.dtype.itemsize > 2:
        return block
    return block.astype(np.float64 if block.dtype.itemsize > 2 else np.float32)


def _softmax(block: Values, _: float) -> Values:
    values = _wide(block)
    with np.errstate(invalid="ignore"):  # of infinities there is no softmax: NaN
        weights: Values = np.exp(values - values.max(axis=0))
        weights /= weights.sum(axis=0)
    return weights


def _sigmoid(block: Values, _: float) -> Values:
    """1 / (1 + exp(-x)), written so that exp never overflows."""
    values = _wide(block)
    small: Values = np.exp(-np.abs(values))
    shares: Values = np.where(values >= 0, 1, small) / (1 + small)
    return shares


_APPLY: dict[str, Callable[[Values, float], Values]] = {
    "argmax": lambda block, _: block.argmax(axis=0)[None],
    "channel": lambda block, number: block[int(number)][None],
    "threshold": lambda block, number: (block >= number).astype(np.uint8),
    "softmax": _softmax,
    "sigmoid": _sigmoid,
}


def rounds(source: np.dtype[Any], target: np.dtype[Any]) -> bool:
    """Tell whether values are rounded or clipped on their way from one dtype to another."""
    if target.kind == "b":
        return source.kind != "b"
    return target.kind in "iu" and not np.can_cast(source, target, "safe")


def convert(block: Values, target: np.dtype[Any]) -> Values:
    """Return values in another dtype: to whole numbers rounded half to even, and clipped; NaN becomes 0."""
    if not rounds(block.dtype, target):
        with np.errstate(over="ignore"):  # beyond the largest number is infinity
            return block.astype(target, copy=False)
    if block.dtype.kind == "f":
        block = np.nan_to_num(np.rint(_wide(block)), nan=0.0, posinf=np.inf, neginf=-np.inf)
    if target.kind == "b":
        return block > 0
    lowest, highest = np.iinfo(target).min, np.iinfo(target).max
    converted: Values
    if block.dtype.kind == "f":
        # the largest int64 is no float: what reaches the next float up is set afterwards
        with np.errstate(invalid="ignore"):
            converted = block.astype(target)
        converted[block >= float(highest)] = highest
        converted[block <= float(lowest)] = lowest
        return converted
    low = max(lowest, int(np.iinfo(block.dtype).min)) if block.dtype.kind != "b" else 0
    high = min(highest, int(np.iinfo(block.dtype).max)) if block.dtype.kind != "b" else 1
    return block.clip(low, high).astype(target)
