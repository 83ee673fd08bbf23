"""Stacks and folders of tiles."""
