"""Strategies that say where to look, their configs, and the factory."""
