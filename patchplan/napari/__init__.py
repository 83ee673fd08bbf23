"""Plans in napari: a reader that shows their boxes over the image. Needs the extra `napari` only to be of use."""
