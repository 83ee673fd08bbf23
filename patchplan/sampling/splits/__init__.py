"""Splits into training, validation and test that share no pixel."""

from patchplan.sampling.splits.choosing import NAMES
from patchplan.sampling.splits.images import split_images
from patchplan.sampling.splits.rows import RowSplit, split_rows
from patchplan.sampling.splits.stratified import Fold, SplitResult, split_stratified, split_stratified_images

__all__ = [
    "NAMES",
    "Fold",
    "RowSplit",
    "SplitResult",
    "split_images",
    "split_rows",
    "split_stratified",
    "split_stratified_images",
]
