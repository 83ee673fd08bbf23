"""Where an output grows."""

from pathlib import Path


def grown(partial: Path) -> Path:
    """Return what grows in the folder of a run, `OUT.partial`: OUT with a tag before it; a name that is free if not."""
    found = sorted(partial.glob(f"*-{partial.stem}"))
    assert len(found) <= 1, found
    return found[0] if found else partial / f"00000000-{partial.stem}"
