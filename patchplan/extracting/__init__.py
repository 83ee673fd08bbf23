"""Cutting patches out of images."""
