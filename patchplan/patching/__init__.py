"""Strategies that say where to look."""
