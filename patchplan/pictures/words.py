"""Words of the command line, apart from all that loads heavy libraries."""

from typing import Literal

MapValue = Literal["mean", "min", "max"]
"""What of the visits of its pixels a picture pixel shows."""
