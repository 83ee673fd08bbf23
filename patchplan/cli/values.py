"""Values of options: several entries are one argument, separated by commas."""

from patchplan.errors import ConfigError


def per_axis(key: str, text: str | None) -> int | list[int] | None:
    """Read one whole number, which means all spatial axes, or one per axis in (Z)YX order.

    Examples
    --------
    >>> per_axis("patch_size", "16,64,64"), per_axis("patch_size", "64")
    ([16, 64, 64], 64)
    """
    if text is None:
        return None
    try:
        numbers = [int(entry) for entry in text.split(",")]
    except ValueError:
        option = "--" + key.replace("_", "-")
        raise ConfigError(
            f"{option}: found {text!r}; allowed: 64 (all axes), 64,64 (Y,X) or 16,64,64 (Z,Y,X)"
        ) from None
    return numbers[0] if len(numbers) == 1 else numbers


def entries(text: str | None) -> str | list[str] | None:
    """Split entries; what they mean is read by the library."""
    return text.split(",") if text is not None and "," in text else text


def number(option: str, text: str) -> int | float:
    """Read a number; whole ones exactly, as 64-bit pixels need it."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{option}: found {text!r}; allowed: a number, such as 0, 0.5 or nan") from None


def number_of_levels(text: str | None) -> int | str | None:
    """Read auto, or a whole number."""
    if text is None or text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"--levels: found {text!r}; allowed: auto, or a whole number from 1") from None
