"""Filters tell background from what is worth training on."""
