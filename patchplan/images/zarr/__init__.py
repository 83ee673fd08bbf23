"""Zarr v2 and v3, and OME-Zarr on top of them."""
