"""Words that users write about tiles, as types. Imports nothing, so that --help is fast."""

from typing import Literal

AbsentChunks = Literal["missing", "zeros"]
"""What chunks mean that a bare Zarr array of tiles has not stored."""
