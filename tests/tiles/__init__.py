"""Tiles on disk and in memory."""
