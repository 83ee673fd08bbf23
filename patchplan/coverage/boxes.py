"""Boxes of pixels as results tell them, and the base of all results."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of all results."""

    model_config = ConfigDict(frozen=True)


class Box(Frozen):
    """Pixels [start, stop) of a sample, (Z)YX."""

    sample_idx: int
    start: tuple[int, ...]
    stop: tuple[int, ...]

    def __str__(self) -> str:
        spans = ", ".join(f"{a}:{b}" for a, b in zip(self.start, self.stop, strict=True))
        return f"sample {self.sample_idx} [{spans}]"


class PlacedBox(Box):
    """The same, and the image."""

    data_idx: int

    def __str__(self) -> str:
        return f"image {self.data_idx} {super().__str__()}"
