"""Patches out of images."""
