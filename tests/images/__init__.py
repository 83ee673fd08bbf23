"""Tests of the sources of images."""
