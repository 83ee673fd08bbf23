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
