"""TIFF and its dialects, through tifffile."""
