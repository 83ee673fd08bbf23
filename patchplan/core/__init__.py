"""Geometry of patches: axis letters, 1-D grids, offsets, spec tables. Imports numpy only."""
