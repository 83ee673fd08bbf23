"""Tiles put together: blocks of output, each gathered, blended and written once."""
