"""Units of length by the names that OME-Zarr has for them, and by the symbols of OME-TIFF."""

_SYMBOLS = {
    "angstrom": "Å",
    "attometer": "am",
    "centimeter": "cm",
    "decimeter": "dm",
    "exameter": "Em",
    "femtometer": "fm",
    "foot": "ft",
    "gigameter": "Gm",
    "hectometer": "hm",
    "inch": "in",
    "kilometer": "km",
    "megameter": "Mm",
    "meter": "m",
    "micrometer": "µm",
    "mile": "mi",
    "millimeter": "mm",
    "nanometer": "nm",
    "parsec": "pc",
    "petameter": "Pm",
    "picometer": "pm",
    "terameter": "Tm",
    "yard": "yd",
    "yoctometer": "ym",
    "yottameter": "Ym",
    "zeptometer": "zm",
    "zettameter": "Zm",
}
_NAMES = {symbol: name for name, symbol in _SYMBOLS.items()}


def ngff_name(unit: str | None) -> str | None:
    """Return the name of a unit in OME-Zarr; what has none there is called as it was."""
    return None if unit is None else _NAMES.get(unit, unit)


def ome_symbol(unit: str | None) -> str:
    """Return the symbol of a unit in OME-TIFF, which takes sizes without one for micrometres.

    Examples
    --------
    >>> [ome_symbol(unit) for unit in ("nanometer", "nm", None)]
    ['nm', 'nm', 'reference frame']
    """
    return _SYMBOLS.get(ngff_name(unit) or "", "reference frame")
