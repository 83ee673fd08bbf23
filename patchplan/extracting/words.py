"""Words that users write about extracting, as types. Imports nothing, so that --help is fast."""

from typing import Literal

FileFormat = Literal["npy", "tif"]
"""What is in a folder of patches."""

PadModeName = Literal["constant", "reflect", "edge"]
"""What is outside an image."""
